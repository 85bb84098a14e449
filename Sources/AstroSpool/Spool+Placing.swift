public import AstroCore

extension Spool {
  /// Puts a workflow straight into `active/`, for a run in the foreground. Durable on return; a crash leaves nothing,
  /// or the whole file.
  public func placeActive(_ bytes: [UInt8], _ id: WorkflowID, _ format: SubmissionFormat) throws(Failure) {
    let name = format.fileName(of: id)
    guard try places.active.create(bytes, as: name) else {
      throw Failure(.cannotCreate, subject: places.active.path(of: name), message: "a run of this name exists already")
    }
    try places.active.synchronize()
  }

  /// Puts a workflow into `spool/` under `name`, mode 0600 whatever the umask. Durable on return; a crash leaves
  /// nothing under that name, or the whole file, and a runner never sees it half-written.
  public func deposit(_ bytes: [UInt8], as name: FileName) throws(Failure) {
    try Self.deposit(bytes, as: name, in: places.spool)
  }

  /// As ``deposit(_:as:)``, for users that may write to `spool/` but not look into its sub-directories.
  public static func deposit(_ bytes: [UInt8], as name: FileName, into directory: String) throws(Failure) {
    try deposit(bytes, as: name, in: Directory(path: directory))
  }

  private static func deposit(_ bytes: [UInt8], as name: FileName, in spool: Directory) throws(Failure) {
    switch SpoolEntry.Kind(of: name) {
    case .candidate: break
    case .ignored:
      throw Failure(.usage, subject: name.printable, message: "a file of this name would be ignored in the spool")
    case .odd(let reason): throw Failure(.usage, subject: name.printable, message: reason.message)
    }
    guard try spool.create(bytes, as: name) else {
      throw Failure(.cannotCreate, subject: spool.path(of: name), message: "a file of this name is already waiting")
    }
    try spool.synchronize()
  }
}
