import AstroCore

/// Ends the program when a property does not hold, and says which: `precondition` is silent in optimised code.
func require(_ holds: Bool, _ message: @autoclosure () -> String) {
  if !holds { fatalError(message()) }
}

/// That a text can reach a terminal as it is.
func requireSafe(_ text: String) {
  let unsafe = text.unicodeScalars.first { Terminal.isUnsafe($0) && $0 != "\n" && $0 != "\t" }
  require(unsafe == nil, "U+\(String(unsafe?.value ?? 0, radix: 16)) in \(text)")
}
