import Foundation
import Glibc
import Testing

/// A watcher under a service manager: what it tells it (sd_notify(3)), and the unit that starts it.
@Suite struct ServiceManagerTests {
  /// The manager's end of the socket.
  private final class Manager {
    let name: String
    private let socket: Int32

    /// - Parameter name: a path, or an abstract name that begins with `@`.
    init(name: String) throws {
      self.name = name
      socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(name.utf8)) }
      if name.hasPrefix("@") { address.sun_path.0 = 0 }
      let length = 2 + name.utf8.count + (name.hasPrefix("@") ? 0 : 1)
      let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, socklen_t(length)) }
      }
      try #require(bound == 0)
    }

    deinit { close(socket) }

    /// Waits for the next message that is not of the watchdog, or is if that is asked for.
    func next(watchdog: Bool = false) throws -> String {
      while true {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        try #require(poll(&entry, 1, 60_000) == 1, "nothing was told")
        var bytes = [UInt8](repeating: 0, count: 4096)
        let text = String(decoding: bytes[..<max(0, recv(socket, &bytes, bytes.count, 0))], as: UTF8.self)
        if (text == "WATCHDOG=1") == watchdog { return text }
      }
    }
  }

  @Test(arguments: [true, false]) func `it is told of the start, a reload and the end`(isAbstract: Bool) throws {
    let home = try Home()
    let manager = try Manager(name: isAbstract ? "@astro-\(UUID().uuidString)" : "\(home.path)/notify")
    let watch = try home.start(["watch"], environment: ["NOTIFY_SOCKET": manager.name])
    #expect(try manager.next() == "READY=1\nSTATUS=Watching")
    watch.signal(SIGHUP)
    #expect(try manager.next().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
    #expect(try manager.next() == "READY=1\nSTATUS=Watching")
    watch.signal(SIGTERM)
    #expect(try manager.next() == "STOPPING=1\nSTATUS=Waiting for tasks to finish")
    #expect(try watch.finish().code == 0)
  }

  @Test func `its watchdog hears of a loop that turns, and no task hears of it`() throws {
    let home = try Home()
    let manager = try Manager(name: "\(home.path)/notify")
    let watch = try home.start(
      ["watch"], environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "100000"])
    for _ in 0..<3 { #expect(try manager.next(watchdog: true) == "WATCHDOG=1") }
    try home.submit("tasks: {a: {run: 'env > \"$ASTRO_HOME/seen\"'}}\n")
    try eventually("it has run") { home.names(in: "spool/done").count == 2 }
    #expect(try !home.read("seen").contains("NOTIFY_SOCKET"))
    #expect(try watch.stop().code == 0)
  }

  @Test func `a passing runner is no service`() throws {
    let home = try Home()
    #expect(try home.astro("drain", environment: ["NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1"]).code == 0)
    #expect(try home.astro("drain", environment: ["NOTIFY_SOCKET": "nonsense"]).code == 0)
  }

  /// What the unit promises of the program: the flags are there, and tasks are left to their warden.
  @Test func `the unit starts what there is`() throws {
    let unit = try String(
      contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../config/systemd/astro-watch.service"), encoding: .utf8)
    let settings = unit.lines.filter { $0.contains("=") && !$0.hasPrefix("#") }
    #expect(settings.contains("Type=notify") && settings.contains("KillMode=process"))
    let start = try #require(settings.first { $0.hasPrefix("ExecStart=") })
    let words = start.dropFirst("ExecStart=".count).split(separator: " ").dropFirst().map(String.init)
    let home = try Home()
    let manager = try Manager(name: "\(home.path)/notify")
    let arguments = words.map { $0 == "/srv/astro" ? home.path : $0 }
    let watch = try home.start(arguments, environment: ["NOTIFY_SOCKET": manager.name])
    #expect(try manager.next() == "READY=1\nSTATUS=Watching")
    #expect(try watch.stop().code == 0)
  }
}
