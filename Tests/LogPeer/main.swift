// Another process that logs, for tests of what processes do to each other's lines and of what a console shows.
import AstroTelemetry
import Glibc
import Logging

let arguments = CommandLine.arguments

/// How many write(2) calls this process has made (proc_pid_io(5)).
func writeCalls() -> Int {
  let descriptor = open("/proc/self/io", O_RDONLY)
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 1024)
  let text = String(decoding: bytes[..<max(0, read(descriptor, &bytes, bytes.count))], as: UTF8.self)
  let line = text.split(separator: "\n").first { $0.hasPrefix("syscw:") }
  return line.flatMap { Int($0.dropFirst(7)) } ?? 0
}

switch arguments[1] {
case "file":
  // Lines of all lengths up to the given one, into a log that is rotated at the given size, if any; prints how many
  // write(2) they took.
  let rotation =
    arguments.count > 6 ? LogFile.Rotation(size: Int64(arguments[5]) ?? 0, keep: Int(arguments[6]) ?? 0) : nil
  let output = try AstroLog.bootstrap(LogSettings(file: arguments[2], rotation: rotation))
  let log = Logger(label: "peer")
  let (count, length) = (Int(arguments[3]) ?? 0, Int(arguments[4]) ?? 0)
  log.info("Ready")
  let before = writeCalls()
  for i in 0..<count {
    let text = String(repeating: "x", count: i * 7919 % length)
    log.info("Line", metadata: ["n": .stringConvertible(i), "text": .string(text)])
  }
  let after = writeCalls()
  print(after - before)
  withExtendedLifetime(output) {}
case "console":
  // One line on stderr, dressed as the terminal and the environment want it.
  var environment: [String: String] = [:]
  for name in ["NO_COLOR", "TERM"] { environment[name] = getenv(name).map { String(cString: $0) } }
  let console = LogConsole.fitting(json: arguments[2] == "json", environment: environment)
  _ = try AstroLog.bootstrap(LogSettings(file: nil, console: console, requestID: "req-0000002a"))
  Logger(label: "peer").warning("Rate limit exceeded")
default: fatalError("unknown verb \(arguments[1])")
}
