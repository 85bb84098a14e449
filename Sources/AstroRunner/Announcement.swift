import AstroCore
import AstroJournal
import AstroSpool

extension Reading {
  /// The submission that a file of this name was placed for: `astro submit` calls a file after its run.
  func submission(announcing name: FileName) throws(Failure) -> SubmissionRecord? {
    guard let id = WorkflowID(validating: String(decoding: name.stem, as: UTF8.self)) else { return nil }
    return try submission(id.text)
  }
}
