import AstroCore

extension ExpressionContext {
  /// What the expressions of a task see of its run where no runner works on it: neither `env` nor secrets.
  /// - Parameter task: what another task came to; `nil` where there is none of that name.
  static func outside(
    params: [String: JSONValue], id: String = "", name: String, user: String, directory: String = "",
    task: @escaping (String) -> JSONValue?
  ) -> ExpressionContext {
    ExpressionContext(
      root: { root in
        switch root {
        case .params: .map(params)
        case .run:
          .map(["name": .string(name), "user": .string(user), "id": .string(id), "dir": .string(directory)])
        case .env, .tasks, .secrets, .args, .matrix, .item: .null
        }
      }, task: task)
  }
}
