import AstroCore
import CLinux
import Glibc

/// Code under bwrap(1): in namespaces of its own, over the machine's programs, which it can only read.
struct Bubblewrap: ~Copyable {
  private let path: String
  private let order: SandboxOrder
  private let interpreter: String
  private let language: CodeLanguage
  private let sources: SandboxSources

  /// Where programs are inside, which is where they are outside.
  private static let folders = ["/usr/local/bin", "/usr/bin", "/bin"]
  private static let limiter = "/usr/bin/prlimit"

  init(
    _ path: String, _ order: SandboxOrder, _ language: CodeLanguage, _ sources: consuming SandboxSources
  ) throws(SandboxRefusal) {
    guard access(Self.limiter, X_OK) == 0 else {
      throw SandboxRefusal("bubblewrap needs \(Self.limiter) of util-linux, which is not installed")
    }
    let places = language.interpreters.flatMap { name in Self.folders.map { "\($0)/\(name)" } }
    guard let interpreter = places.first(where: { access($0, X_OK) == 0 }) else {
      throw SandboxRefusal(
        "no interpreter for \(language.name) is installed: neither "
          + language.interpreters.joined(separator: " nor ") + " is in \(Self.folders.joined(separator: ", "))",
        infrastructure: false)
    }
    self.path = path
    self.order = order
    self.language = language
    self.interpreter = interpreter
    self.sources = sources
  }

  /// Becomes the engine. Returns only by throwing.
  ///
  /// The engine is never root: whatever it may have wrong, there is nothing that it could do outside. What only root can
  /// reach is mounted where the user can, in mounts that nobody else sees.
  /// - Parameter stage: where the user is to see what it could not reach; `nil` for this process's own user.
  consuming func become(on stage: Stage?) throws(SandboxRefusal) -> Never {
    let parent = getppid()
    // Keys of whoever started the runner are in no namespace.
    _ = clinux_leave_keyring()
    let shown = if let stage { try binds(on: stage) } else { ownBinds }
    var given = GivenFiles()
    let options = try options(binds: shown, &given)
    let arguments = try given.add(options.flatMap { Array($0.utf8) + [0] })
    let input = order.input.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
    try given.setInput(input)
    if let user = order.user, clinux_become(user.uid, user.gid) != 0 {
      throw SandboxRefusal("cannot become user \(user.uid): \(String(cString: strerror(errno)))")
    }
    // After it: a change of the user takes it back. The engine asks for the same itself, but the parent may be gone by then.
    guard clinux_end_with_parent(SIGKILL, parent) == 0 else { throw SandboxRefusal("whoever started this is gone") }
    given.pass()
    let words = [path, "--args", String(arguments), "--"] + limits + command
    _ = Strings(words).withPointers { execve(path, $0, [nil]) }
    throw SandboxRefusal("bubblewrap cannot be run: \(String(cString: strerror(errno)))")
  }

  // MARK: Words

  private var command: [String] {
    let file: String
    switch order.code {
    case .text: file = language.fileName
    case .file(let path): file = path
    }
    return [interpreter, "\(SandboxOrder.workdir)/\(file)"] + order.arguments
  }

  /// Set inside, where processes are counted apart from all others of the same user (user_namespaces(7), Linux 5.14).
  private var limits: [String] {
    let rules = order.rules
    // Two more: the first process of the sandbox, and this program until it is the interpreter.
    return [
      Self.limiter, "--nproc=\(rules.processes + 2)", "--nofile=\(rules.openFiles)", "--core=0", "--memlock=65536",
      "--data=\(rules.memory)", "--fsize=\(max(rules.temporarySize, 64 << 20))", "--",
    ]
  }

  private func options(
    binds: [(source: String, target: String, isWritable: Bool)], _ given: inout GivenFiles
  ) throws(SandboxRefusal) -> [String] {
    let rules = order.rules
    let workdir = SandboxOrder.workdir
    let size = String(rules.temporarySize)
    var options = [
      "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent",
      "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox",
    ]
    if !rules.sharesNetwork { options.append("--unshare-net") }
    if let filter = try given.addFilter() { options += ["--seccomp", String(filter)] }
    options += Self.machine(sharesNetwork: rules.sharesNetwork)
    let (uid, gid) = order.user.map { ($0.uid, $0.gid) } ?? (geteuid(), getegid())
    let names = [
      ("/etc/passwd", "sandbox:x:\(uid):\(gid)::\(workdir):/bin/sh\n"), ("/etc/group", "sandbox:x:\(gid):\n"),
    ]
    for (path, text) in names {
      options += ["--perms", "0444", "--ro-bind-data", String(try given.add(Array(text.utf8))), path]
    }
    options += ["--proc", "/proc", "--dev", "/dev"]
    for path in ["/tmp", "/dev/shm", workdir] { options += ["--size", size, "--tmpfs", path] }
    for bind in binds { options += [bind.isWritable ? "--bind" : "--ro-bind", bind.source, bind.target] }
    if case .text(let code) = order.code {
      let file = String(try given.add(Array(code.utf8)))
      options += ["--perms", "0444", "--ro-bind-data", file, "\(workdir)/\(language.fileName)"]
    }
    // Both are in memory, without a bound: what they hold is there by now.
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", workdir, "--clearenv"]
    for (name, value) in order.innerEnvironment.sorted(by: { $0.key < $1.key }) {
      options += ["--setenv", name, value]
    }
    return options
  }

  /// Programs and what they need, to be read only.
  private static func machine(sharesNetwork: Bool) -> [String] {
    var options = ["--ro-bind", "/usr", "/usr"]
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
      var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/\(name)", &target, target.count)
      if count > 0 {
        options += ["--symlink", String(decoding: target[..<count], as: UTF8.self), "/\(name)"]
      } else {
        options += ["--ro-bind-try", "/\(name)", "/\(name)"]
      }
    }
    var settings = [
      "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "mime.types", "ssl/certs",
      "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted", "perl", "php", "R", "nsswitch.conf", "protocols",
      "services",
    ]
    if sharesNetwork { settings += ["resolv.conf", "hosts", "host.conf", "gai.conf"] }
    for name in settings { options += ["--ro-bind-try", "/etc/\(name)", "/etc/\(name)"] }
    return options
  }

  // MARK: What is shown of the run

  /// By their paths, which this user can walk.
  private var ownBinds: [(source: String, target: String, isWritable: Bool)] {
    var binds = sources.files.map {
      (source: "\(order.runFiles)/\($0.path)", target: "\(SandboxOrder.workdir)/\($0.path)", isWritable: false)
    }
    if let output = order.output { binds.append((output, SandboxOrder.outputPath, true)) }
    return binds
  }

  /// By mounts of this process's own.
  private func binds(
    on stage: Stage
  ) throws(SandboxRefusal) -> [(source: String, target: String, isWritable: Bool)] {
    let output = order.output.map { clinux_open_place_at(AT_FDCWD, $0, O_NOFOLLOW) }
    defer { if let output, output >= 0 { close(output) } }
    if let output, output < 0 {
      throw SandboxRefusal("\(order.output ?? "") cannot be opened: \(String(cString: strerror(errno)))")
    }
    var binds: [(source: String, target: String, isWritable: Bool)] = []
    for file in sources.files {
      let place = try stage.show("/proc/self/fd/\(file.descriptor)", isDirectory: file.isDirectory)
      binds.append((place, "\(SandboxOrder.workdir)/\(file.path)", false))
    }
    if let output {
      binds.append((try stage.show("/proc/self/fd/\(output)", isDirectory: false), SandboxOrder.outputPath, true))
    }
    return binds
  }
}
