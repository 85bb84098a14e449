import AstroCore
import AstroTestKit
import Foundation
import Glibc
import Testing

@testable import AstroSandbox

@Suite struct SandboxSourcesTests {
  private let directory = TemporaryDirectory()

  private func refusal(_ paths: [String]) throws -> String? {
    var order = SandboxOrder(
      .text(""), in: "sh", rules: .init(), runFiles: directory.path("files"), output: nil, folder: "/f", memory: "/m")
    order.files = paths
    do throws(SandboxRefusal) {
      _ = try SandboxSources(order)
      return nil
    } catch {
      #expect(!error.infrastructure)
      return error.reason
    }
  }

  @Test func noSpellingLeadsOutOfTheRunsFiles() throws {
    let files = directory.path("files")
    mkdir(files, 0o700)
    mkdir("\(files)/d", 0o700)
    try Data("x".utf8).write(to: URL(fileURLWithPath: "\(files)/d/f"))
    symlink("/etc", "\(files)/link")
    symlink("/etc/passwd", "\(files)/d/leaf")
    mkfifo("\(files)/fifo", 0o600)
    #expect(try refusal(["d/f", "d"]) == nil)
    for path in ["../secret", "d/../../secret", "/etc/passwd", "", ".", "d//f", "d/./f"] {
      #expect(try refusal([path]) == "file '\(path)' is not a path below the run's files")
    }
    #expect(try refusal(["link/passwd"]) == "file 'link/passwd' cannot be opened: Not a directory")
    #expect(try refusal(["d/leaf"]) == "file 'd/leaf' is neither a regular file nor a directory")
    #expect(try refusal(["fifo"]) == "file 'fifo' is neither a regular file nor a directory")
    #expect(try refusal(["none"]) == "file 'none' cannot be opened: No such file or directory")
  }
}
