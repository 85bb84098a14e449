public import AstroCore
public import AstroLLM

extension AttemptFiles {
  /// The longest transcript that is read for its calls, in bytes: the loop that all attempts wait for reads it.
  private static let longestTranscript = 64 << 20

  /// The calls that its transcript tells of. None where there is no transcript, or what lies there is none any more: what
  /// nobody knows of a call must not be taken for something.
  public func calls() throws(Failure) -> [CallID: TranscriptReplay.Call] {
    guard case .bytes(let bytes) = try Self.read("\(folder)/transcript.jsonl", last: Self.longestTranscript),
      let read = try? TranscriptReplay.read(bytes)
    else { return [:] }
    return read.replay.calls
  }
}
