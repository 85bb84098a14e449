public import AstroCore

/// What a workflow is accepted as. It decides the suffix of the file once it has been claimed.
public enum SubmissionFormat: String, Sendable, CaseIterable {
  /// `*.yaml` and `*.yml`; `.yaml` after the claim.
  case yaml
  case json
  /// A batch file of OpenAI's: a request a line.
  case jsonl

  /// The name of run `id`'s file in every place below the spool: `<workflow_id>.yaml`, `.json` or `.jsonl`.
  public func fileName(of id: WorkflowID) -> FileName { FileName(minted: "\(id.text).\(rawValue)") }

  /// The run a file below the spool belongs to, by its name; `nil` for receipts and for what others put there.
  static func parse(_ name: FileName) -> (id: WorkflowID, format: SubmissionFormat)? {
    for format in allCases where name.bytes.reversed().starts(with: ".\(format.rawValue)".utf8.reversed()) {
      let stem = String(decoding: name.stem, as: UTF8.self)
      return WorkflowID(validating: stem).map { ($0, format) }
    }
    return nil
  }

  /// The name of the receipt beside it.
  static func receiptName(of id: WorkflowID) -> FileName { FileName(minted: "\(id.text)\(receiptSuffix)") }
  /// The name of the results of a batch beside that.
  static func resultsName(of id: WorkflowID) -> FileName { FileName(minted: "\(id.text)\(resultsSuffix)") }

  private static let receiptSuffix = ".receipt.json"
  private static let resultsSuffix = ".results.jsonl"

  /// The run that a receipt or a batch's results belong to, by their name.
  static func run(ofCompanion name: FileName) -> WorkflowID? {
    for suffix in [receiptSuffix, resultsSuffix] where name.bytes.reversed().starts(with: suffix.utf8.reversed()) {
      return WorkflowID(minted: String(decoding: name.bytes.dropLast(suffix.utf8.count), as: UTF8.self))
    }
    return nil
  }
}
