import Foundation
import Glibc
import Testing

/// A spool is one home's: another that is pointed at it by mistake would take claimed files for rests of a crash.
@Suite struct SharedSpoolTests {
  private static let work = "tasks: {a: {run: 'true'}}\n"

  @Test func `a second home on the same spool is refused and changes nothing`() throws {
    let first = try Home()
    let second = try Home(system: "spool_dir: \(first.path)/spool")
    try first.drain(Self.work, as: "a.yaml")
    try first.submit(Self.work, as: "b.yaml")
    let refusal =
      "\(first.path)/spool: is the spool of another home, whose data is in \(first.path)/data; give each its own with "
      + "spool_dir, or remove \(first.path)/spool/active/.home when that one does not use it any more"
    for verb in [["drain"], ["watch"], ["clean"], ["run", "\(first.path)/spool/b.yaml"]] {
      let ending = try second.start(verb).finish()
      #expect(ending.code == 78 && ending.errors.contains(refusal), "\(verb): \(ending.errors)")
    }
    #expect(try second.astro("doctor").output.contains(refusal))
    #expect(first.waiting == ["b.yaml"] && second.names(in: "data/runners").isEmpty)
    #expect(try first.astro("drain").code == 0)
    #expect(first.names(in: "spool/done").count == 4)
  }

  @Test func `a home that was moved goes on with its spool, and a copy has its own`() throws {
    let home = try Home()
    try home.drain(Self.work, as: "a.yaml")
    let copy = try Home(isMade: false)
    try home.shell("cp -a . \(copy.path)")
    try copy.drain(Self.work, as: "b.yaml")
    #expect(copy.names(in: "spool/done").count == 4 && home.names(in: "spool/done").count == 2)
    let moved = try Home(isMade: false)
    try #require(rename(copy.path, moved.path) == 0)
    try moved.drain(Self.work, as: "c.yaml")
    #expect(moved.names(in: "spool/done").count == 6)
  }
}
