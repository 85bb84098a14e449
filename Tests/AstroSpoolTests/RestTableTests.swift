import AstroCore
import Glibc
import Testing

@testable import AstroSpool

@Suite struct RestTableTests {
  private func identity(_ inode: UInt, size: Int = 1) -> FileIdentity {
    var status = stat()
    status.st_ino = inode
    status.st_size = size
    return FileIdentity(status)
  }

  @Test func `a file rests since it was first seen as it is`() {
    var table = RestTable(rules: SpoolRules())
    #expect(table.rest(of: identity(1), at: 100) == 0)
    #expect(table.rest(of: identity(1), at: 350) == 250)
    #expect(table.rest(of: identity(1, size: 2), at: 400) == 0)
    #expect(table.rest(of: identity(1, size: 2), at: 401) == 1)
  }

  @Test func `a file that is forgotten rests anew`() {
    var table = RestTable(rules: SpoolRules())
    _ = table.rest(of: identity(1), at: 100)
    table.forget(identity(1))
    #expect(table.rest(of: identity(1), at: 200) == 0)
  }

  @Test func `files that come and go do not make it grow`() {
    var table = RestTable(rules: SpoolRules())
    for number in 0..<20_000 { _ = table.rest(of: identity(UInt(number)), at: Int64(number) * 1_000_000) }
    #expect(table.count <= 1024)
  }
}
