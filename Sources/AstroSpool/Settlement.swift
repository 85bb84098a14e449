public import AstroCore

/// Where the file of one finished run goes, and what lies beside it.
public struct Settlement {
  public var id: WorkflowID
  public var format: SubmissionFormat
  /// The name it had in `spool/`: what was refused still bears it.
  public var file: FileName?
  /// `done`, `failed`, `cancelled` or `rejected`.
  public var place: Place
  public var receipt: Receipt
  /// The bytes submitted, asked for only when the file itself is gone: the journal has them.
  public var content: () throws(Failure) -> [UInt8]

  public init(
    id: WorkflowID, format: SubmissionFormat, file: FileName? = nil, place: Place, receipt: Receipt,
    content: @escaping () throws(Failure) -> [UInt8]
  ) {
    precondition(place != .active, "a run settles in a final place")
    self.id = id
    self.format = format
    self.file = file
    self.place = place
    self.receipt = receipt
    self.content = content
  }
}
