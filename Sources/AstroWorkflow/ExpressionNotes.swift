import AstroCore

/// What an expression uses, with places: the tree itself carries none, so that it stays small in the plan.
struct ExpressionNotes: Equatable {
  /// `tasks.fetch.outputs.n`: a root and the names after it.
  struct Read: Equatable {
    enum Step: Equatable {
      case name(String)
      /// `[expression]`: known only when evaluated.
      case computed
    }
    var root: Expression.Root
    var steps: [Step] = []
    var offset: Int
    var width: Int
  }

  struct StatusCall: Equatable {
    var function: Expression.Function
    var offset: Int
  }

  var reads: [Read] = []
  var statusCalls: [StatusCall] = []
}
