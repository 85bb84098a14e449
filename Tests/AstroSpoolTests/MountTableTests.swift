import Testing

@testable import AstroSpool

@Suite struct MountTableTests {
  let table = MountTable(
    text: """
      22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
      36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext4 /dev/root rw,errors=continue
      44 27 0:45 / /srv rw,relatime shared:9 optional:1 - nfs4 server:/export rw,vers=4.2
      45 27 0:46 / /short rw
      """)

  @Test(arguments: [(UInt64(0x2D), true), (0x6200, false), (0x15, false), (0x2E, false), (0x999, false)])
  func `only file systems that other machines write to are shared`(device: UInt64, shared: Bool) {
    #expect(table.isShared(device: device) == shared)
  }

  @Test func `device numbers above 12 and 8 bits are taken apart as the kernel does`() {
    let large = MountTable(text: "1 2 4096:70000 / / rw - nfs s:/ rw")
    let device: UInt64 = (4096 & ~0xFFF) << 32 | (70000 & 0xFF) | (70000 & ~0xFF) << 12
    #expect(large.isShared(device: device))
  }

  @Test func `the real table can be read`() { #expect(!MountTable.current().isShared(device: 0)) }
}
