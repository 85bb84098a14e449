import AstroCore
import AstroProcess
import Synchronization

@testable import AstroMCP

/// Servers that run in memory, each start of one after its own script.
final class MemoryServers: ServerLauncher {
  typealias Script = @Sendable (MemoryStream, JSONValue) -> Void

  private let scripts: [Script]
  private let processes = Mutex<[MemoryServer]>([])

  /// - Parameter scripts: of the first start, the second, and so on.
  init(_ scripts: Script...) { self.scripts = scripts }

  var starts: Int { processes.withLock { $0.count } }
  subscript(start: Int) -> MemoryServer { processes.withLock { $0[start] } }

  func launch(_ program: KeptProgram) async throws(Failure) -> any ServerProcess {
    let server = processes.withLock { processes -> MemoryServer? in
      guard processes.count < scripts.count else { return nil }
      processes.append(MemoryServer(scripts[processes.count]))
      return processes.last
    }
    guard let server else {
      throw Failure(.unavailable, subject: "start \(scripts.count + 1)", message: "is not expected")
    }
    return server
  }
}

final class MemoryServer: ServerProcess {
  let memory: MemoryStream
  private let signals = Mutex<[String]>([])

  init(_ script: @escaping MemoryServers.Script) { memory = MemoryStream(script) }

  var stream: any ByteStream { memory }
  /// What it was sent, in order.
  var orders: [String] { signals.withLock { $0 } }

  func hear() async {}
  var lastWords: String { "" }
  func ended() async -> String? { "exit code 0" }
  func terminate() { signals.withLock { $0.append("terminate") } }
  func kill() { signals.withLock { $0.append("kill") } }
}

/// What real servers answer, shortened.
enum Scripts {
  /// Answers as a modern server does; `answer` gives the results of other methods.
  static func modern(
    _ answer: @escaping @Sendable (JSONValue) -> String = { _ in "{}" }
  ) -> MemoryServers.Script {
    { stream, message in
      guard let id = message["id"] else { return }
      guard
        message["params"]?["_meta"]?["io.modelcontextprotocol/protocolVersion"] == .string("2026-07-28"),
        message["method"] != .string("initialize")
      else {
        return stream.say(
          #"{"jsonrpc":"2.0","id":\#(id.json),"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"]}}}"#
        )
      }
      let isDiscovery = message["method"] == .string("server/discover")
      let result = isDiscovery ? #"{"resultType":"complete","supportedVersions":["2026-07-28"]}"# : answer(message)
      stream.say(#"{"jsonrpc":"2.0","id":\#(id.json),"result":\#(result)}"#)
    }
  }

  /// Answers as a legacy server does, or says nothing to what it does not know.
  static func legacy(
    version: String = "2025-11-25", isSilent: Bool = false,
    _ answer: @escaping @Sendable (JSONValue) -> String = { _ in "{}" }
  ) -> MemoryServers.Script {
    { stream, message in
      guard let id = message["id"] else { return }
      switch message["method"] {
      case .string("server/discover")?:
        if isSilent { return }
        stream.say(
          #"{"jsonrpc":"2.0","id":\#(id.json),"error":{"code":-32602,"message":"Invalid request parameters","data":""}}"#
        )
      case .string("initialize")?:
        stream.say(
          #"{"jsonrpc":"2.0","id":\#(id.json),"result":{"protocolVersion":"\#(version)","capabilities":{"tools":{}}}}"#)
      default: stream.say(#"{"jsonrpc":"2.0","id":\#(id.json),"result":\#(answer(message))}"#)
      }
    }
  }

  static let silent: MemoryServers.Script = { _, _ in }
  static let dying: MemoryServers.Script = { stream, _ in stream.end() }
}
