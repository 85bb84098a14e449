/// A short name for a text, the same wherever it is computed (FNV-1a, 64 bits): for names of files and containers, not against
/// anybody who wants two to be the same.
struct Fingerprint {
  let text: String

  init(of text: String) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    self.text = String(hash, radix: 16)
  }
}
