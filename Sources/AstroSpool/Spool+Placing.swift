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
}
