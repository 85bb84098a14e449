import AstroCore
import AstroSpool

extension Examiner {
  /// Everything about a file but its content.
  struct Origin {
    /// The name as bytes.
    var file: [UInt8]
    var shown: String
    var format: SubmissionFormat
    var owner: UInt32
    var ownerName: String
    var submittedAt: Timestamp
    var sha256: String

    init(_ candidate: Candidate) {
      self.init(
        file: candidate.name.bytes, shown: candidate.name.printable, format: candidate.format, owner: candidate.owner,
        ownerName: candidate.ownerName, submittedAt: candidate.modifiedAt, sha256: candidate.sha256)
    }

    init(
      file: [UInt8], shown: String, format: SubmissionFormat, owner: UInt32, ownerName: String,
      submittedAt: Timestamp, sha256: String
    ) {
      self.file = file
      self.shown = shown
      self.format = format
      self.owner = owner
      self.ownerName = ownerName
      self.submittedAt = submittedAt
      self.sha256 = sha256
    }
  }
}
