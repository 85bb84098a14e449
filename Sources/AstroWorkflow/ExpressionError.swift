/// An expression that cannot be read: the first thing wrong in it.
struct ExpressionError: Error, Equatable {
  enum Remedy: Equatable {
    case none
    case hint(String)
    /// The nearest of `words`, else the sentence.
    case nearest(String, words: [String], otherwise: String?)
  }

  var code: String
  var message: String
  /// In UTF-8 bytes from the beginning of the scalar's text.
  var offset: Int
  /// In scalars; expressions outside of strings are ASCII.
  var width = 1
  var remedy = Remedy.none
}
