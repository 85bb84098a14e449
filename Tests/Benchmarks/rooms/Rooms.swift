import AstroCore
import Glibc

/// One measurement of one room in a process of its own; what it measured goes to stdout as one line of JSON.
@main
enum Rooms {
  static let usage = """
    usage: BenchmarkRooms grants DATA_DIRECTORY DECISIONS LEAST_MS BATCH MAX_REQUESTS WINDOW_MS TIMES_FILE
           BenchmarkRooms log-lines FILE COUNT
           BenchmarkRooms calls URL COUNT IN_FLIGHT

    """

  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let numbers = arguments.map { Int($0) }
    switch (arguments.first, arguments.count) {
    case ("grants", 8):
      guard let decisions = numbers[2], let least = numbers[3], let batch = numbers[4], let most = numbers[5],
        let window = numbers[6]
      else { break }
      let grants = Grants(
        decisions: decisions, leastNanoseconds: Int64(least) * 1_000_000, batch: batch, maxRequests: Int64(most),
        window: .milliseconds(window))
      return try grants.measure(dataDirectory: arguments[1], timesFile: arguments[7])
    case ("log-lines", 3):
      guard let count = numbers[2] else { break }
      return try LogLines(count: count).measure(file: arguments[1])
    case ("calls", 4):
      guard let count = numbers[2], let inFlight = numbers[3] else { break }
      return try await Calls(url: arguments[1], count: count, inFlight: inFlight).measure()
    default: break
    }
    write(STDERR_FILENO, usage, usage.utf8.count)
    exit(64)
  }
}

/// Nanoseconds since an arbitrary moment.
func monotonicNow() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
