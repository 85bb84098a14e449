/// Why what came of an attempt is no result, in one sentence.
struct MalformedResult: Error, Equatable {
  let message: String

  init(_ message: String) { self.message = message }
  init(line: Int, _ flaw: String) { message = "stdout, line \(line): \(flaw)" }
}
