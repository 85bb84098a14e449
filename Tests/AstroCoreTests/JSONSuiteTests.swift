import AstroCore
import AstroTestKit
import Testing

/// Goal R17: the public JSONTestSuite, whose names say what must be accepted (`y_`), what must not (`n_`) and what may be
/// either (`i_`).
@Suite(.enabled(if: Corpus.directory != nil)) struct JSONSuite {
  /// Numbers that a Double holds only roughly are read. What may be either and is not here is refused: halves of surrogate
  /// pairs, what is no UTF-8, a byte order mark, numbers past a Double, 500 levels.
  private let free: Set = [
    "i_number_double_huge_neg_exp.json", "i_number_real_underflow.json", "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json", "i_number_very_big_negative_int.json",
  ]

  @Test(.timeLimit(.minutes(1))) func whatMustBeReadIsReadAndWhatMustNotIsRefused() {
    let files = Corpus.files(in: "JSONTestSuite/test_parsing")
    #expect(files.count == 318)
    let read = onSmallStack { Set(files.filter { (try? JSONReader.parse($0.bytes)) != nil }.map(\.name)) }
    #expect(read.filter { $0.hasPrefix("n_") } == [])
    #expect(read.filter { $0.hasPrefix("i_") } == free)
    #expect(Set(files.map(\.name)).filter { $0.hasPrefix("y_") }.subtracting(read) == [])
  }
}
