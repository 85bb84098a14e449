import AstroCore
import Glibc

/// What podman and docker are told, who understand the same words.
struct ContainerCommand {
  let engine: SandboxRules.Engine
  let program: String
  let order: SandboxOrder
  let language: CodeLanguage
  let name: String

  /// Code that comes as a text, for as long as it runs.
  var codeFile: String { "\(order.folder)/.code.\(getpid())" }

  func writeCode() throws(SandboxRefusal) {
    guard case .text(let code) = order.code else { return }
    let file = open(codeFile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure() }
    defer { close(file) }
    // Whatever the umask is: it is read by another user.
    guard fchmod(file, 0o644) == 0 else { throw failure() }
    var rest = Array(code.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure() }
      rest.removeFirst(count)
    }
  }

  private func failure() -> SandboxRefusal {
    SandboxRefusal("\(codeFile) cannot be written: \(String(cString: strerror(errno)))")
  }

  /// The first: another image cannot be looked into.
  var interpreter: String { language.interpreters[0] }

  var inspection: [String] {
    [program, "container", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name]
  }

  var words: [String] {
    get throws(SandboxRefusal) {
      let rules = order.rules
      let (uid, gid) = order.user.map { ($0.uid, $0.gid) } ?? (geteuid(), getegid())
      var words = [
        program, "run", "--name", name, "--pull=never", "--read-only", "--cap-drop=all",
        "--security-opt=no-new-privileges", "--network=\(rules.sharesNetwork ? "host" : "none")",
        "--user=\(uid):\(gid)", "--memory=\(rules.memory)b", "--memory-swap=\(rules.memory)b",
        "--pids-limit=\(rules.processes)", "--ulimit=nofile=\(rules.openFiles):\(rules.openFiles)", "--ulimit=core=0:0",
        "--ulimit=nproc=\(mostProcesses):\(mostProcesses)",
        "--shm-size=\(rules.temporarySize)b", "--workdir=\(SandboxOrder.workdir)",
      ]
      for path in ["/tmp", SandboxOrder.workdir] {
        words.append("--tmpfs=\(path):size=\(rules.temporarySize),mode=1777")
      }
      if !rules.sharesNetwork { words.append("--hostname=sandbox") }
      // Else it would have file systems in memory without a bound.
      if engine == .podman { words.append("--read-only-tmpfs=false") }
      if let cpus = rules.cpus { words.append("--cpus=\(cpus)") }
      // Else the container's user would be one of the many that stand for nobody outside.
      if engine == .podman, geteuid() != 0 { words.append("--userns=keep-id") }
      for mount in mounts { words += ["--mount", try mount.word] }
      for (name, value) in order.innerEnvironment.sorted(by: { $0.key < $1.key }) {
        words += ["--env", Self.steersClient(name) ? "\(name)=\(value)" : name]
      }
      if order.input?.isEmpty == false { words.append("--interactive") }
      let file: String
      switch order.code {
      case .text: file = language.fileName
      case .file(let path): file = path
      }
      return words + [
        "--entrypoint", interpreter, rules.image, "\(SandboxOrder.workdir)/\(file)",
      ] + order.arguments
    }
  }

  /// Of one user, on the whole machine. Less than engines give of their own accord, which not every root may (it takes
  /// CAP_SYS_RESOURCE); how many the code may have is bounded by ``SandboxRules/processes``.
  private var mostProcesses: String { "\(max(4096, order.rules.processes))" }

  private struct Mount {
    let source: String
    let target: String
    var isWritable = false

    var word: String {
      get throws(SandboxRefusal) {
        // The word is a line of CSV.
        for path in [source, target] where path.utf8.contains(where: { [0x2C, 0x22, 0x0A].contains($0) }) {
          throw SandboxRefusal(
            "\(Terminal.printable(path)) holds a comma or a quote, which no mount can", infrastructure: false)
        }
        return "type=bind,source=\(source),target=\(target)" + (isWritable ? "" : ",readonly")
      }
    }
  }

  private var mounts: [Mount] {
    var paths = order.files
    if case .file(let path) = order.code, !paths.contains(path) { paths.append(path) }
    var mounts = paths.map { Mount(source: "\(order.runFiles)/\($0)", target: "\(SandboxOrder.workdir)/\($0)") }
    if case .text = order.code {
      mounts.append(Mount(source: codeFile, target: "\(SandboxOrder.workdir)/\(language.fileName)"))
    }
    if let output = order.output {
      mounts.append(Mount(source: output, target: SandboxOrder.outputPath, isWritable: true))
    }
    return mounts
  }

  // MARK: Variables

  /// Values are passed in the client's environment, because arguments can be seen by everybody on the machine. The client would obey
  /// some of them itself; those, which are no place for a secret, are arguments.
  private static func steersClient(_ name: String) -> Bool {
    let prefixes = [
      "LD_", "CONTAINER", "PODMAN", "DOCKER", "XDG_", "DBUS_", "GO", "STORAGE_", "REGISTRY", "_CONTAINERS", "SSL_",
      "GLIBC_",
      "MALLOC_", "NOTIFY_SOCKET", "LISTEN_", "BUILDAH", "NETAVARK", "CNI_", "TMPDIR", "PATH", "HOME", "USER", "LANG",
      "LC_",
      "TZ", "GNUPG", "OTEL_", "HTTP", "http", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "RES_OPTIONS",
      "LOCALDOMAIN",
      "HOSTALIASES", "GCONV_PATH", "NLSPATH", "LOCPATH", "SSH_",
    ]
    return prefixes.contains { name.hasPrefix($0) }
  }

  /// The client's environment.
  func environment(_ own: [String: String]) -> [String: String] {
    own.merging(order.innerEnvironment.filter { !Self.steersClient($0.key) }) { own, _ in own }
  }
}
