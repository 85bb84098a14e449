public import AstroCore

/// The two spellings a workflow is accepted in. It decides the suffix of the file once it has been claimed.
public enum SubmissionFormat: String, Sendable, CaseIterable {
  /// `*.yaml` and `*.yml`; `.yaml` after the claim.
  case yaml
  case json

  /// The name of run `id`'s file in every place below the spool: `<workflow_id>.yaml` or `<workflow_id>.json`.
  public func fileName(of id: WorkflowID) -> FileName { FileName(minted: "\(id.text).\(rawValue)") }

  /// The run a file below the spool belongs to, by its name; `nil` for receipts and for what others put there.
  static func parse(_ name: FileName) -> (id: WorkflowID, format: SubmissionFormat)? {
    for format in allCases where name.bytes.suffix(5).elementsEqual(".\(format.rawValue)".utf8) {
      let stem = String(decoding: name.stem, as: UTF8.self)
      return WorkflowID(validating: stem).map { ($0, format) }
    }
    return nil
  }

  /// The name of the receipt beside it.
  static func receiptName(of id: WorkflowID) -> FileName { FileName(minted: "\(id.text).receipt.json") }
}
