import Glibc

/// Why posix_spawn(3) failed, in the words of the one who wrote the command.
struct SpawnRefusal: Equatable {
  let reason: String
  /// The machine was at fault, not the command: the same command may be started later.
  let infrastructure: Bool

  /// posix_spawn reports one number for the change of directory and the program alike, so the directory is looked at
  /// again: the right one must be blamed.
  init(errno number: Int32, _ command: CommandSpawner.Command) {
    switch number {
    case EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EIO, EDQUOT:
      reason = "cannot start a process: \(kernelWords(number))"
      infrastructure = true
    default:
      reason =
        Self.flaw(ofWorkdir: command.directory)
        ?? (number == E2BIG ? Self.excess(of: command) : Self.flaw(ofProgram: command, number))
      infrastructure = false
    }
  }

  private static func flaw(ofWorkdir path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let number = errno
      return number == ENOENT || number == ENOTDIR
        ? "workdir does not exist: \(path)" : "workdir cannot be reached: \(path): \(kernelWords(number))"
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { return "workdir is not a directory: \(path)" }
    return access(path, X_OK) == 0 ? nil : "workdir cannot be entered: \(path): \(kernelWords(errno))"
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
