import AstroCore
import Testing

@Suite struct ExpressionSpelling {
  private let top = Expression.member(.root(.params), "top")

  @Test func anExpressionIsSpelledAsOneWouldWriteIt() {
    #expect(Expression.call(.always, []).spelled == "always()")
    #expect(Expression.element(top, .literal(.integer(0))).spelled == "params.top[0]")
    #expect(Expression.literal(.string("it's")).spelled == "'it''s'")
    #expect(Expression.literal(.string("'")).spelled == "''''")
    #expect(Expression.literal(.string("'\u{301}")).spelled.utf8.elementsEqual("'''\u{301}'".utf8))
    #expect(Expression.call(.contains, [top, .literal(.string("x"))]).spelled == "contains(params.top, 'x')")
    #expect(Expression.binary(.greater, top, .literal(.integer(3))).spelled == "params.top > 3")
  }

  @Test func parenthesesStandOnlyWhereTheyChangeTheMeaning() {
    let (a, b, c) = (Expression.literal(.bool(true)), Expression.literal(.bool(false)), Expression.literal(.null))
    #expect(Expression.binary(.or, .binary(.and, a, b), c).spelled == "true && false || null")
    #expect(Expression.binary(.and, .binary(.or, a, b), c).spelled == "(true || false) && null")
    #expect(Expression.binary(.and, a, .binary(.and, b, c)).spelled == "true && (false && null)")
    #expect(Expression.not(.binary(.or, a, b)).spelled == "!(true || false)")
    #expect(Expression.not(a).spelled == "!true")
    #expect(Expression.binary(.equal, .not(a), b).spelled == "!true == false")
    #expect(Expression.binary(.less, .binary(.equal, a, b), c).spelled == "(true == false) < null")
    #expect(Expression.binary(.equal, .binary(.less, a, b), c).spelled == "true < false == null")
    #expect(Expression.member(.not(.root(.params)), "n").spelled == "(!params).n")
    #expect(Expression.element(.literal(.integer(1)), top).spelled == "(1)[params.top]")
  }
}
