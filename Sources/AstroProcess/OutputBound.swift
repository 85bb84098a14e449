import AstroCore
import CLinux
import Glibc

/// How much of what a command prints is kept, of each of its streams: as it prints past the limit the middle of the file
/// gives its disk space back, and in the end the first half and the last half of the limit stay, with a line between
/// them that says how much is missing.
///
/// Commands go on writing straight into the file, so nothing of this slows them down, and what they printed is complete
/// when their runner dies.
public struct OutputBound: Sendable {
  /// In bytes; `nil` keeps everything.
  public let limit: Int64?

  public init(limit: Int64?) { self.limit = limit }

  /// Space is given back in whole pages, and not for less than one.
  private static let page: Int64 = 4096
  /// How far from where it is cut a line is looked for.
  private static let reach: Int64 = 64 << 10

  private static func head(of limit: Int64) -> Int64 { limit / 2 / page * page }
  /// With the mark between them both are within the limit, or they would be cut again by the next who looks.
  private static func tail(of limit: Int64) -> Int64 { limit - head(of: limit) - 128 }

  // MARK: While it prints

  /// Gives back the disk space of what will not be kept. How many bytes the file has gained since the last call.
  ///
  /// The hole is punched below the end that the command appends to (fallocate(2), FALLOC_FL_PUNCH_HOLE), so nothing is
  /// lost that would be kept. A file system that cannot do that has the file cut off behind its head instead: then only
  /// what is printed after the last cut is there for the tail, and what is appended during the cut is not counted.
  func trim(_ file: ScratchFile) -> Int64 {
    guard let limit, let size = file.size else { return 0 }
    let growth = size - file.measured
    if growth < 0 { file.freed = 0 }  // The command has cut it off itself.
    file.measured = size
    let (head, page) = (Self.head(of: limit), Self.page)
    let from = max(head, file.freed)
    let to = (size - Self.tail(of: limit)) / page * page
    guard size > limit, to - from >= max(page, limit / 64) else { return max(0, growth) }
    guard let descriptor = file.openForWriting() else { return max(0, growth) }
    if clinux_punch_hole(descriptor.number, from, to - from) == 0 {
      file.freed = to
    } else if ftruncate(descriptor.number, off_t(head)) == 0 {
      file.omitted &+= size - head  // A command can make its file as long as a number goes, again and again.
      file.measured = head
    }
    return max(0, growth)
  }

  // MARK: When it has ended

  /// Leaves head, mark and tail of a file that is past the limit. How many bytes that left out.
  func cut(_ file: ScratchFile) -> Int64 {
    guard let limit, let size = file.size, size > limit || file.omitted > 0, file.isThere else { return 0 }
    return cut(file.path, size: size, limit: limit, omitted: file.omitted)
  }

  /// The same of a file whose warden died before it could.
  public func cut(_ path: String) -> Int64 {
    var status = stat()
    guard let limit, lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, Int64(status.st_size) > limit else {
      return 0
    }
    return cut(path, size: Int64(status.st_size), limit: limit, omitted: 0)
  }

  /// Written beside the file and renamed over it: a crash leaves the file as it was, to be cut by whoever keeps the
  /// output of a lost attempt, and perhaps a `.cut` file, which ``RunnerFiles/remove()`` takes away. Where there is no room
  /// for that the file keeps its head alone.
  private func cut(_ path: String, size: Int64, limit: Int64, omitted: Int64) -> Int64 {
    // O_NONBLOCK, and for reading: whoever printed may hold a lease, which would keep us waiting (fcntl(2)).
    guard let source = Descriptor(opening: path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else { return omitted }
    let (head, tail) = Self.parts(of: source.number, size: size, limit: limit, isCutOff: omitted > 0)
    let left = omitted &+ tail - head
    let temporary = path + RunnerFiles.cutSuffix
    if let target = Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW),
      clinux_copy_range(source.number, 0, target.number, 0, head) == 0,
      let start = Self.writeMark(left, behind: head, of: source.number, to: target.number),
      clinux_copy_range(source.number, tail, target.number, start, size - tail) == 0,
      rename(temporary, path) == 0
    {
      return left
    }
    unlink(temporary)
    guard let same = Descriptor(opening: path, O_RDWR | O_NOFOLLOW | O_NONBLOCK),
      ftruncate(same.number, off_t(head)) == 0
    else { return omitted }
    let all = omitted &+ size - head
    _ = Self.writeMark(all, behind: head, of: same.number, to: same.number)
    return all
  }

  /// Where the head ends and the tail begins: between lines where there are any, else between characters. Holes are left
  /// out: they may have been punched under another limit than this.
  private static func parts(of descriptor: Int32, size: Int64, limit: Int64, isCutOff: Bool) -> (
    head: Int64, tail: Int64
  ) {
    var head = Self.head(of: limit)
    let hole = clinux_seek_hole(descriptor, 0)
    if hole >= 0 { head = min(head, hole) }
    var tail = max(Self.head(of: limit), size - Self.tail(of: limit))
    while case let hole = clinux_seek_hole(descriptor, tail), hole >= 0, hole < size {
      let data = clinux_seek_data(descriptor, hole)
      tail = data > hole ? data : size
    }
    // What follows a head that was cut off was printed later and may be all there is.
    let start = isCutOff && tail == Self.head(of: limit) ? tail : lineStart(in: descriptor, from: tail, size)
    return (lineEnd(in: descriptor, before: head), start)
  }

  private static func lineEnd(in descriptor: Int32, before end: Int64) -> Int64 {
    let bytes = read(descriptor, from: max(0, end - reach), to: end)
    let start = end - Int64(bytes.count)
    if let newline = bytes.lastIndex(of: 0x0A) { return start + Int64(newline) + 1 }
    return start + Int64(bytes.count - UTF8Tail.incomplete(bytes))
  }

  private static func lineStart(in descriptor: Int32, from start: Int64, _ size: Int64) -> Int64 {
    let bytes = read(descriptor, from: start - 1, to: min(size, start + reach))
    if let newline = bytes.firstIndex(of: 0x0A) { return start + Int64(newline) }
    return start + Int64(bytes.dropFirst().prefix(3).prefix { $0 & 0xC0 == 0x80 }.count)
  }

  private static func read(_ descriptor: Int32, from start: Int64, to end: Int64) -> [UInt8] {
    guard start >= 0, end > start else { return [] }
    return [UInt8](unsafeUninitializedCapacity: Int(end - start)) { buffer, filled in
      filled = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(start)))
    }
  }

  /// A line of its own. Where it ends; nil when it cannot be written.
  private static func writeMark(_ omitted: Int64, behind head: Int64, of source: Int32, to target: Int32) -> Int64? {
    let isInLine = head > 0 && read(source, from: head - 1, to: head) != [0x0A]
    let mark = Array("\(isInLine ? "\n" : "")\(Self.mark(omitted))\n".utf8)
    return pwrite(target, mark, mark.count, off_t(head)) == mark.count ? head + Int64(mark.count) : nil
  }

  /// What stands where something is missing.
  public static func mark(_ omitted: Int64) -> String { "… \(omitted) bytes were left out here …" }
}

/// When to look at what the commands of a warden have printed: not before one has run for a quarter of a second, then
/// about when the fastest of them may have printed an eighth of the limit, at most a hundred times a second and at
/// least once. Without a limit, and while nothing runs, never.
struct OutputWatch {
  private let bound: OutputBound
  private var interval = Self.first
  private var lastLook: Int64 = 0
  /// In boot time, microseconds.
  private var nextLook: Int64?

  private static let first: Int64 = 250_000
  private static let shortest: Int64 = 10_000
  private static let longest: Int64 = 1_000_000

  init(_ bound: OutputBound) { self.bound = bound }

  /// How long nothing need be looked at, in milliseconds; nil when nothing runs that could print.
  mutating func pause(isAnyRunning: Bool) -> Int32? {
    guard isAnyRunning, bound.limit != nil else {
      nextLook = nil
      return nil
    }
    let now = clinux_boot_microseconds()
    guard let nextLook else {
      interval = Self.first
      lastLook = now
      self.nextLook = now + interval
      return Int32(interval / 1000)
    }
    return Int32(max(0, nextLook - now + 999) / 1000)
  }

  /// Looks at all that run, if it is time to.
  mutating func look(at children: Dictionary<Int32, WardenChild>.Values) {
    guard let limit = bound.limit, let due = nextLook, !children.isEmpty else { return }
    let now = clinux_boot_microseconds()
    guard now >= due else { return }
    let growth = children.reduce(0) { max($0, bound.trim($1.stdout), bound.trim($1.stderr)) }
    let slower = min(interval * 2, Self.longest)
    let elapsed = max(1, now - lastLook)
    let wanted = growth > 0 ? Int64(Double(elapsed) * Double(limit / 8) / Double(growth)) : slower
    interval = max(Self.shortest, min(slower, wanted))
    lastLook = now
    nextLook = now + interval
  }

  /// What of it is not kept, once it has ended.
  func cut(_ file: ScratchFile) -> Int64 { bound.cut(file) }
}
