import AstroCore
import AstroTestKit
import Testing

@testable import AstroYAML

/// Goal R17: the public JSONTestSuite as workflow files, `*.json`, which the YAML reader reads: all JSON that is not refused
/// for a reason of ours means the same to it.
@Suite(.enabled(if: Corpus.directory != nil)) struct JSONFiles {
  /// Twice the same key is a mistake; and YAML allows no DEL and no U+FFFF.
  private let refused: Set = [
    "y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json",
    "y_string_nonCharacterInUTF-8_U+FFFF.json",
    "y_string_unescaped_char_delete.json", "y_string_with_del_character.json",
  ]

  @Test(.timeLimit(.minutes(1))) func jsonMeansTheSameToTheReaderOfYAML() {
    let files = Corpus.files(in: "JSONTestSuite/test_parsing")
    let (other, errors) = onSmallStack { () -> (Set<String>, Set<String>) in
      var other: Set<String> = []
      var errors: Set<String> = []
      for (name, bytes) in files {
        let document = YAMLDocument(bytes, file: name)
        let isRefused = document.diagnostics.contains { $0.severity == .error }
        if isRefused { errors.insert(name) }
        guard let value = try? JSONReader.parse(bytes), !isRefused else { continue }
        if document.root?.value.json != value.json { other.insert(name) }
      }
      return (other, errors)
    }
    #expect(other == [])
    #expect(errors.filter { $0.hasPrefix("y_") } == refused)
  }
}
