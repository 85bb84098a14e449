import Foundation
import Glibc
import Testing

/// Code in a sandbox tries to get out, by every way that is known to have worked somewhere.
@Suite struct EscapeTests {
  /// Somebody outside who would answer.
  private final class Listener {
    let descriptor: Int32
    private(set) var port: UInt16 = 0

    init(loopback: Void) throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      try #require(isBound)
      port = UInt16(bigEndian: address.sin_port)
    }

    init(abstract name: String) throws {
      descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.utf8.count)
      withUnsafeMutableBytes(of: &address.sun_path) { $0[1...].copyBytes(from: name.utf8) }
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
        }
      }
      try #require(isBound)
    }

    deinit { close(descriptor) }
  }

  @Test func `no way out of bubblewrap is open`() throws {
    let sandboxed = try Sandboxed()
    let name = "astro-\(UUID().uuidString)"
    let (loopback, abstract) = (try Listener(loopback: ()), try Listener(abstract: name))
    defer { withExtendedLifetime((loopback, abstract)) {} }
    let other = try sandboxed.run(try Sandboxed.workflow("print('other')")).run
    let escapes = Escape.all(host: getpid(), port: loopback.port, socket: name, other: other)
    #expect(escapes.count >= 20)
    var workflow = "tasks:\n  shown: {run: 'echo shown > shown.txt'}\n"
    for (index, escape) in escapes.enumerated() {
      let code = String(
        decoding: try JSONSerialization.data(
          withJSONObject: Escape.prelude + escape.code + "\n", options: .fragmentsAllowed), as: UTF8.self)
      workflow +=
        "  e\(index): {needs: [shown], agent: code, with: {language: python, files: [shown.txt], code: \(code)}}\n"
    }
    try sandboxed.home.write(workflow, to: "work.yaml")
    let ending = try sandboxed.home.astro("run", "work.yaml", environment: ["HOST_SECRET": "host-secret-value"])
    let run = try #require(ending.output.lines.last?.split(separator: " ").first)
    for (index, escape) in escapes.enumerated() {
      let folder = "data/runs/\(run)/tasks/e\(index)/1"
      let printed = ((try? sandboxed.home.read("\(folder)/stdout")) ?? "").lines
      let errors = (try? sandboxed.home.read("\(folder)/stderr")) ?? ""
      #expect(printed == escape.expected, "\(escape.name): \(errors)")
    }
    // Whatever they tried, the sandbox ended them as it ends others.
    #expect(ending.code == 0, "\(ending.output)\(ending.errors)")
    #expect(try sandboxed.home.read("data/runs/\(run)/files/shown.txt") == "shown\n")
  }
}
