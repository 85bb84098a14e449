import AstroTestKit
import Glibc

/// `openssl s_server` on loopback with a certificate of an authority of its own; any request is answered with a page.
final class TLSServer {
  let directory = TemporaryDirectory()
  let port: Int
  private var process: pid_t = 0
  private let hold: Int32

  /// - Parameter names: what the certificate is for: `DNS:localhost`, `IP:127.0.0.1`.
  init(names: String) {
    let script = """
      cd '\(directory.path)'
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=server
      echo 'subjectAltName=\(names)' > names
      openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile names
      exec openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www
      """
    let (output, input) = (Self.pipe(), Self.pipe())
    process = Self.start(script, input: input[0], output: output[1])
    close(output[1])
    close(input[0])
    // Kept open: the server ends when its input does.
    hold = input[1]
    port = Self.readPort(output[0])
  }

  deinit {
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
    close(hold)
  }

  var authorities: String { directory.path("ca.pem") }

  private static func pipe() -> [Int32] {
    var ends: [Int32] = [0, 0]
    precondition(Glibc.pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return ends
  }

  private static func start(_ script: String, input: Int32, output: Int32) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let arguments = (["/bin/sh", "-euc", script] as [String]).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    precondition(posix_spawn(&process, "/bin/sh", &actions, nil, arguments, environ) == 0)
    return process
  }

  /// It tells `ACCEPT 127.0.0.1:41234` before it accepts anything.
  private static func readPort(_ descriptor: Int32) -> Int {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
      text += String(decoding: buffer[..<count], as: UTF8.self)
      if let line = text.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT") }), text.hasSuffix("\n"),
        let port = line.split(separator: ":").last.flatMap({ Int($0) })
      {
        return port
      }
    }
    preconditionFailure("openssl s_server does not start: \(text)")
  }
}
