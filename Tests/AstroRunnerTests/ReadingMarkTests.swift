import AstroTestKit
import Glibc
import Testing

@testable import AstroRunner

/// Goal R19: what a runner leaves that ends by its own doing while it reads a file.
@Suite struct ReadingMarkTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path + "/mark" }
  private var remains: ReadingMark.Remains? { ReadingMark.left(at: path, bootID: "boot") }
  private let crash = ReadingMark.Remains(name: "file", isCrash: true)

  private static func read(_ path: String, _ body: () -> Void) {
    ReadingMark(path, bootID: "boot").around("file", body)
  }

  @Test func `a fault is a crash`() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) { [path = path as String] in
      ReadingMarkTests.read(path) { _ = UnsafePointer<Int>(bitPattern: 16)?.pointee }
    }
    #expect(remains == crash)
  }

  @Test func `a stack that overflows is a crash`() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) { [path = path as String] in
      ReadingMarkTests.read(path) { _ = ReadingMarkTests.depth(of: 1) }
    }
    #expect(remains == crash)
  }

  private static func depth(of number: Int) -> Int {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { number + depth(of: number + $0.count) + $0.count }
  }

  @Test func `a trap of Swift is a crash`() async {
    await #expect(processExitsWith: .failure) { [path = path as String] in
      ReadingMarkTests.read(path) { preconditionFailure("as it may be") }
    }
    #expect(remains == crash)
  }

  @Test func `abort is a crash`() async {
    await #expect(processExitsWith: .signal(SIGABRT)) { [path = path as String] in
      ReadingMarkTests.read(path) { abort() }
    }
    #expect(remains == crash)
  }

  @Test func `a kill is none`() async {
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      ReadingMarkTests.read(path) { kill(getpid(), SIGKILL) }
    }
    #expect(remains == ReadingMark.Remains(name: "file", isCrash: false))
  }

  @Test func `a crash after the reading is nothing of the file's`() async {
    await #expect(processExitsWith: .signal(SIGABRT)) { [path = path as String] in
      let mark = ReadingMark(path, bootID: "boot")
      mark.around("file") {}
      withExtendedLifetime(mark) { abort() }
    }
    #expect(remains == nil)
  }
}
