import Glibc

/// Why a start failed, in the words of the one who wrote the command.
struct SpawnRefusal: Equatable {
  let reason: String
  /// The machine was at fault, not the command: the same command may be started later.
  let infrastructure: Bool

  init(_ failure: SpawnFailure, _ command: CommandSpawner.Command) {
    switch (failure.step, failure.errno) {
    // Of what another user names only the kernel's answer to that user is told: looking again, with our eyes, would tell
    // more than that user may see. Nor does it say anything of this machine: the user has limits and file systems of its own.
    case (.directory, let number) where command.confinement.user != nil:
      reason = "workdir cannot be entered: \(command.directory): \(kernelWords(number))"
      infrastructure = false
    case (.program, let number) where Self.isLookedUp(command) && [ENOENT, EACCES].contains(number):
      let user = command.confinement.user.map { String($0.uid) } ?? "?"
      reason = "no such program: user \(user) finds no '\(command.program)' to run in PATH"
      infrastructure = false
    case (.program, let number) where command.confinement.user != nil && number != E2BIG:
      reason = "cannot run the program: \(command.program): \(kernelWords(number))"
      infrastructure = false
    case (.account, let number):
      let user = command.confinement.user.map { String($0.uid) } ?? "?"
      reason = "cannot become user \(user): \(kernelWords(number))"
      infrastructure = number != EDQUOT
    case (.directory, let number) where !Self.isShortage(number):
      reason = Self.flaw(ofWorkdir: command.directory, number)
      infrastructure = false
    case (.program, let number) where !Self.isShortage(number):
      reason = number == E2BIG ? Self.excess(of: command) : Self.flaw(ofProgram: command, number)
      infrastructure = false
    case (_, let number):
      reason = "cannot start a process: \(kernelWords(number))"
      infrastructure = true
    }
  }

  /// By the user it was to become, in PATH.
  private static func isLookedUp(_ command: CommandSpawner.Command) -> Bool {
    command.confinement.user != nil && !command.program.utf8.contains(UInt8(ascii: "/"))
  }

  private static func isShortage(_ number: Int32) -> Bool {
    [EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EIO, EDQUOT].contains(number)
  }

  private static func flaw(ofWorkdir path: String, _ number: Int32) -> String {
    var status = stat()
    return switch number {
    case ENOTDIR where stat(path, &status) == 0: "workdir is not a directory: \(path)"
    case ENOENT, ENOTDIR: "workdir does not exist: \(path)"
    default: "workdir cannot be entered: \(path): \(kernelWords(number))"
    }
  }

  private static func flaw(ofProgram command: CommandSpawner.Command, _ number: Int32) -> String {
    let path = command.program
    let place = path.hasPrefix("/") ? path : "\(command.directory)/\(path)"
    var status = stat()
    let found = stat(place, &status) == 0
    let kind = status.st_mode & S_IFMT
    return switch number {
    case ENOENT where found: Interpreter(ofProgram: place).absence(from: path)
    case ENOENT, ENOTDIR: "no such program: \(path)"
    case EACCES where !found: "the program cannot be reached: \(path): \(kernelWords(number))"
    case EACCES where kind == S_IFDIR: "the program is a directory: \(path)"
    case EACCES where kind != S_IFREG: "the program is no regular file: \(path)"
    case EACCES where access(place, X_OK) == 0:
      "\(Interpreter(ofProgram: place).title) of the program is not executable: \(path)"
    case EACCES: "the program is not executable: \(path)"
    case ENOEXEC: "the program has no known format and no #! line: \(path)"
    default: "cannot run the program: \(path): \(kernelWords(number))"
    }
  }

  /// execve(2) refuses one string of more than 32 pages, whatever its limit on all of them together is. Values are not
  /// shown: they may be secrets.
  private static func excess(of command: CommandSpawner.Command) -> String {
    let most = 32 * Int(sysconf(Int32(_SC_PAGESIZE))) - 1
    let arguments = command.arguments.compactMap { $0.map { strlen($0) } }
    let variables = command.environment.compactMap { $0.map { (text: $0, length: strlen($0)) } }
    if let index = arguments.firstIndex(where: { $0 > most }) {
      return "argument \(index) is too long: \(arguments[index]) bytes, the kernel takes \(most)"
    }
    if let (text, length) = variables.first(where: { $0.length > most }) {
      let name = String(cString: text).prefix { $0 != "=" }
      return "environment variable \(name) is too long: \(length) bytes with its name, the kernel takes \(most)"
    }
    let size = variables.reduce(arguments.reduce(0) { $0 + $1 + 1 }) { $0 + $1.length + 1 }
    return "arguments and environment are too large for the kernel: \(size) bytes"
  }
}

/// What the first line of a script names after `#!` (execve(2)); nil for a program that is no script, whose
/// interpreter is its loader (ld.so(8)).
private struct Interpreter {
  let name: String?
  let endsInCarriageReturn: Bool

  init(ofProgram path: String) {
    var start: [UInt8] = []
    _ = Descriptor(opening: path, O_RDONLY | O_NONBLOCK)?.readInto(&start, atMost: 256)
    guard start.starts(with: Array("#!".utf8)) else {
      name = nil
      endsInCarriageReturn = false
      return
    }
    let line = start.dropFirst(2).prefix { $0 != 0x0A }
    let word = line.drop { $0 == 0x20 || $0 == 0x09 }.prefix { $0 != 0x20 && $0 != 0x09 }
    endsInCarriageReturn = word.last == 0x0D
    name = String(decoding: endsInCarriageReturn ? word.dropLast() : word, as: UTF8.self)
  }

  var title: String { name.map { "the interpreter '\($0)'" } ?? "the loader" }

  func absence(from path: String) -> String {
    guard let name else { return "the loader that the program needs does not exist: \(path)" }
    return endsInCarriageReturn
      ? "the first line of the program ends in CR LF, so that its interpreter would be '\(name)\\r': \(path)"
      : "\(title) of the program does not exist: \(path)"
  }
}
