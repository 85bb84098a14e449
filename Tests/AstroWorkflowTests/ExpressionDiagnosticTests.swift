import FoundationEssentials
import Testing

@testable import AstroWorkflow

/// What is said about expressions that cannot be read.
@Suite struct ExpressionDiagnostics {
  @Test func inAScript() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: |
              echo one
              echo ${{ params.date }}

        """##)
          == ##"""
          w.yaml:5:12: error: an expression cannot stand inside a shell script: its value could become code
                  echo ${{ params.date }}
                       ^~~
            hint: pass it through env: {DATE: "${{ params.date }}"}, and write "$DATE" in the script

          """##)
  }

  @Test func inAQuotedScript() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'echo ${{ params.date }}'}

        """##)
          == ##"""
          w.yaml:2:18: error: an expression cannot stand inside a shell script: its value could become code
              a: {run: 'echo ${{ params.date }}'}
                             ^~~
            hint: pass it through env: {DATE: "${{ params.date }}"}, and write "$DATE" in the script

          """##)
  }

  @Test func inAScriptOfWhichNoneCanBeShown() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'echo ${{ contains(''a'', "b") }}'}
          b: {run: 'echo ${{'}
          c: {run: 'echo ${{ tasks.a.outputs.row-count }}'}

        """##)
          == ##"""
          w.yaml:2:18: error: an expression cannot stand inside a shell script: its value could become code
              a: {run: 'echo ${{ contains(''a'', "b") }}'}
                             ^~~
            hint: pass it through env: {VALUE: "${{ ... }}"}, and write "$VALUE" in the script
          w.yaml:3:18: error: an expression cannot stand inside a shell script: its value could become code
              b: {run: 'echo ${{'}
                             ^~~
            hint: pass it through env: {VALUE: "${{ ... }}"}, and write "$VALUE" in the script
          w.yaml:4:18: error: an expression cannot stand inside a shell script: its value could become code
              c: {run: 'echo ${{ tasks.a.outputs.row-count }}'}
                             ^~~
            hint: pass it through env: {COUNT: "${{ tasks.a.outputs.row-count }}"}, and write "$COUNT" in the script

          """##)
  }

  @Test func severalInOneText() {
    let told = rendered(
      ##"""
      tasks: {a: {run: [echo, "${{ foo() }} ${{ params.y }} ${{ 1 + }}"]}}

      """##)
    #expect(told.components(separatedBy: ": error: ").count == 4, "\(told)")
    #expect(told.contains("unknown function 'foo'") && told.contains("params.y"), "\(told)")
  }

  @Test func thatIsEmpty() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: the expression is empty
            tasks: {a: {run: [echo, "${{ }}"]}}
                                         ^

          """##)
  }

  @Test func withoutAnEnd() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "x ${{ params.top"]}}

        """##)
          == ##"""
          w.yaml:2:28: error: '${{' has no closing '}}'
            tasks: {a: {run: [echo, "x ${{ params.top"]}}
                                       ^~~

          """##)
  }

  @Test func withoutAnEndBeforeOthers() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params.top } }"]}}

        """##)
          == ##"""
          w.yaml:2:41: error: unexpected '}' in the expression
            tasks: {a: {run: [echo, "${{ params.top } }"]}}
                                                    ^

          """##)
  }

  @Test func thatEndsTooEarly() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params.top == }}"]}}

        """##)
          == ##"""
          w.yaml:2:44: error: the expression ends where a value is expected
            tasks: {a: {run: [echo, "${{ params.top == }}"]}}
                                                       ^~

          """##)
  }

  @Test func withAnOpenParenthesis() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ (params.top }}"]}}

        """##)
          == ##"""
          w.yaml:2:42: error: the expression ends where ')' is expected
            tasks: {a: {run: [echo, "${{ (params.top }}"]}}
                                                     ^~

          """##)
  }

  @Test func withAnOpenCall() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ contains(params.top, 1 }}"]}}

        """##)
          == ##"""
          w.yaml:2:53: error: the expression ends where ',' or ')' is expected
            tasks: {a: {run: [echo, "${{ contains(params.top, 1 }}"]}}
                                                                ^~

          """##)
  }

  @Test func withAnOpenBracket() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params['top' }}"]}}

        """##)
          == ##"""
          w.yaml:2:43: error: the expression ends where ']' is expected
            tasks: {a: {run: [echo, "${{ params['top' }}"]}}
                                                      ^~

          """##)
  }

  @Test func withAnOpenText() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ 'abc }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: the text that begins here has no closing quote
            tasks: {a: {run: [echo, "${{ 'abc }}"]}}
                                         ^

          """##)
  }

  @Test func withDoubleQuotes() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, '${{ "abc" }}', '${{ params.top == "x" }}']}}

        """##)
          == ##"""
          w.yaml:2:30: error: double quotes cannot be used in an expression
            tasks: {a: {run: [echo, '${{ "abc" }}', '${{ params.top == "x" }}']}}
                                         ^
            hint: write texts in single quotes: 'text'
          w.yaml:2:60: error: double quotes cannot be used in an expression
            tasks: {a: {run: [echo, '${{ "abc" }}', '${{ params.top == "x" }}']}}
                                                                       ^
            hint: write texts in single quotes: 'text'

          """##)
  }

  @Test func withOneEqualsSign() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params.top = 1 }}"]}}

        """##)
          == ##"""
          w.yaml:2:41: error: unexpected '=' in the expression
            tasks: {a: {run: [echo, "${{ params.top = 1 }}"]}}
                                                    ^
            hint: compare with '=='

          """##)
  }

  @Test func withOneAmpersand() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ true & false }}"]}}

        """##)
          == ##"""
          w.yaml:2:35: error: unexpected '&' in the expression
            tasks: {a: {run: [echo, "${{ true & false }}"]}}
                                              ^
            hint: 'and' is written '&&'

          """##)
  }

  @Test func withOneBar() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ true | false }}"]}}

        """##)
          == ##"""
          w.yaml:2:35: error: unexpected '|' in the expression
            tasks: {a: {run: [echo, "${{ true | false }}"]}}
                                              ^
            hint: 'or' is written '||'

          """##)
  }

  @Test func withArithmetic() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params.top + 1 }}"]}}

        """##)
          == ##"""
          w.yaml:2:41: error: unexpected '+' in the expression
            tasks: {a: {run: [echo, "${{ params.top + 1 }}"]}}
                                                    ^
            hint: there is no arithmetic in expressions: calculate in a task

          """##)
  }

  @Test func withAWordAfterAValue() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params.top and true }}"]}}

        """##)
          == ##"""
          w.yaml:2:41: error: unexpected 'and' in the expression
            tasks: {a: {run: [echo, "${{ params.top and true }}"]}}
                                                    ^~~
            hint: 'and' is written '&&'

          """##)
  }

  @Test func withAStrayCharacter() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ ü }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: unexpected 'ü' in the expression
            tasks: {a: {run: [echo, "${{ ü }}"]}}
                                         ^

          """##)
  }

  @Test func withAStrayParenthesis() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params.top) }}"]}}

        """##)
          == ##"""
          w.yaml:2:40: error: unexpected ')' in the expression
            tasks: {a: {run: [echo, "${{ params.top) }}"]}}
                                                   ^

          """##)
  }

  @Test func withABadNumber() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ 1.2.3 }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: '1.2.3' is not a number
            tasks: {a: {run: [echo, "${{ 1.2.3 }}"]}}
                                         ^~~~~

          """##)
  }

  @Test func withALeadingZero() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ 007 }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: '007' is not a number
            tasks: {a: {run: [echo, "${{ 007 }}"]}}
                                         ^~~

          """##)
  }

  @Test func withoutANameAfterADot() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ params. }}"]}}

        """##)
          == ##"""
          w.yaml:2:37: error: a name is expected after '.'
            tasks: {a: {run: [echo, "${{ params. }}"]}}
                                                ^

          """##)
  }

  @Test func thatBeginsWithAnUnknownName() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ parms.top }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: unknown name 'parms'
            tasks: {a: {run: [echo, "${{ parms.top }}"]}}
                                         ^~~~~
            hint: did you mean 'params'?

          """##)
  }

  @Test func thatBeginsWithABareWord() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ main }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: unknown name 'main'
            tasks: {a: {run: [echo, "${{ main }}"]}}
                                         ^~~~
            hint: an expression begins with params, env, secrets, tasks or run; texts stand in single quotes

          """##)
  }

  @Test func thatNamesAFunctionWithoutCallingIt() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', if: always}}

        """##)
          == ##"""
          w.yaml:1:30: error: unknown name 'always'
            tasks: {a: {run: 'true', if: always}}
                                         ^~~~~~
            hint: a function is called with parentheses: 'always()'

          """##)
  }

  @Test func thatCallsAnUnknownFunction() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ contians('a', 'b') }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: unknown function 'contians'
            tasks: {a: {run: [echo, "${{ contians('a', 'b') }}"]}}
                                         ^~~~~~~~
            hint: did you mean 'contains'?

          """##)
  }

  @Test func thatCallsAnUnheardOfFunction() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ hashFiles('a') }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: unknown function 'hashFiles'
            tasks: {a: {run: [echo, "${{ hashFiles('a') }}"]}}
                                         ^~~~~~~~~
            hint: the functions are success, failure, always, cancelled, contains, startsWith, endsWith, format, join, toJSON, fromJSON, default

          """##)
  }

  @Test func withTooFewOrTooManyArguments() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: 'true'
            env: {A: '${{ toJSON() }}', B: "${{ contains('a') }}", C: "${{ join('a', 'b', 'c') }}", D: '${{ format() }}'}
            if: success(1)

        """##)
          == ##"""
          w.yaml:4:19: error: toJSON() takes 1 argument, got 0
                env: {A: '${{ toJSON() }}', B: "${{ contains('a') }}", C: "${{ join(
                              ^~~~~~
          w.yaml:4:41: error: contains() takes 2 arguments, got 1
                env: {A: '${{ toJSON() }}', B: "${{ contains('a') }}", C: "${{ join(
                                                    ^~~~~~~~
          w.yaml:4:68: error: join() takes 1 or 2 arguments, got 3
             toJSON() }}', B: "${{ contains('a') }}", C: "${{ join('a', 'b', 'c') }}
                                                              ^~~~
          w.yaml:4:101: error: format() takes 1 to 32 arguments, got 0
            a') }}", C: "${{ join('a', 'b', 'c') }}", D: '${{ format() }}'}
                                                              ^~~~~~
          w.yaml:5:9: error: success() takes no arguments, got 1
                if: success(1)
                    ^~~~~~~

          """##)
  }

  @Test func thatReadsAMatrix() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ matrix.x }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: 'matrix' is not supported yet
            tasks: {a: {run: [echo, "${{ matrix.x }}"]}}
                                         ^~~~~~

          """##)
  }

  @Test func thatReadsAnItem() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ item }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: 'item' is not supported yet
            tasks: {a: {run: [echo, "${{ item }}"]}}
                                         ^~~~

          """##)
  }

  @Test func thatIsTooDeep() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))) }}"]}}

        """##)
          == ##"""
          w.yaml:2:62: error: the expression is nested too deep
            {run: [echo, "${{ ((((((((((((((((((((((((((((((((((((((((((((((((((((((
                                                              ^
            hint: at most 32 levels, and 64 operators in a row

          """##)
  }

  @Test func thatNegatesTooOften() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!true }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: the expression is nested too deep
            tasks: {a: {run: [echo, "${{ !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
                                         ^
            hint: at most 32 levels, and 64 operators in a row

          """##)
  }

  @Test func thatIsTooLongAChain() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: the expression is nested too deep
            tasks: {a: {run: [echo, "${{ true && true && true && true && true && tru
                                         ^
            hint: at most 32 levels, and 64 operators in a row

          """##)
  }
}
