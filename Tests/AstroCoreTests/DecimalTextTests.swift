import AstroCore
import AstroTestKit
import Testing

@Suite struct DecimalTexts {
  @Test(arguments: [
    ("0.15", 6, 150_000), ("0.60", 6, 600_000), ("0", 12, 0), ("-0", 2, 0), ("0.000", 0, 0),
    ("5", 12, 5_000_000_000_000),
    ("1e-6", 6, 1), ("1.50E+1", 1, 150), ("+3", 0, 3), ("-2.5", 1, -25), (".5", 1, 5), ("5.", 1, 50),
    ("0000000000000000000000000000001", 2, 100), ("0.1000000000000000000000000000", 1, 1),
    ("9223372.036854775807", 12, Int64.max), ("100e-2", 0, 1),
  ]) func numbersAreExact(text: String, places: Int, value: Int64) throws {
    #expect(try DecimalText.scaled(text, places: places) == value)
  }

  @Test(arguments: [
    "", ".", "-", "+", "1,5", "1 ", " 1", "1.2.3", "e5", "1e", "1e+-5", "1e5.0", "0x10", "inf", "nan", "1_0", "١",
  ])
  func whatIsNoNumber(text: String) {
    #expect(throws: DecimalText.Fault.malformed) { try DecimalText.scaled(text, places: 6) }
  }

  @Test func whatDoesNotFit() {
    #expect(throws: DecimalText.Fault.tooFine) { try DecimalText.scaled("0.0000001", places: 6) }
    #expect(throws: DecimalText.Fault.tooFine) { try DecimalText.scaled("1e-400", places: 6) }
    #expect(throws: DecimalText.Fault.tooLarge) { try DecimalText.scaled("9223372.036854775808", places: 12) }
    #expect(throws: DecimalText.Fault.tooLarge) { try DecimalText.scaled("1e400", places: 0) }
    #expect(throws: DecimalText.Fault.tooLarge) {
      try DecimalText.scaled(String(repeating: "9", count: 400), places: 0)
    }
  }

  @Test(arguments: [
    (150_000, 6, "0.15"), (0, 6, "0"), (1, 12, "0.000000000001"), (5_000_000, 6, "5"), (-25, 1, "-2.5"), (7, 0, "7"),
    (Int64.max, 12, "9223372.036854775807"), (Int64.min + 1, 12, "-9223372.036854775807"),
  ]) func theShortestTextIsWritten(value: Int64, places: Int, text: String) {
    #expect(DecimalText.spell(value, places: places) == text)
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    var random = SplitMix64(seed: 4)
    for _ in 0..<2000 {
      let value = Int64(bitPattern: random.next()) >> Int64.random(in: 1...62, using: &random)
      let places = Int.random(in: 0...15, using: &random)
      #expect(try DecimalText.scaled(DecimalText.spell(value, places: places), places: places) == value)
    }
  }
}
