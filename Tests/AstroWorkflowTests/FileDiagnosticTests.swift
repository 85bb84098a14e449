import Testing

@testable import AstroWorkflow

/// What is said about whole files.
@Suite struct FileDiagnostics {
  @Test func manyMistakesAreSaidAtOnceInTheOrderOfTheFile() {
    #expect(
      rendered(
        ##"""
        name: Bad Name
        priority: 1000
        params:
          top: {type: int}
        env: {A: '${{ params.tpo }}'}
        tasks:
          b:
            run: echo ${{ params.top }}
            needs: [c]
          a:
            runn: x
            timeout: 5 minutes

        """##)
          == ##"""
          w.yaml:1:7: error: 'Bad Name' is not a workflow name
            name: Bad Name
                  ^~~~~~~~
            hint: at most 64 of a-z, 0-9, - and _, such as 'bad-name'
          w.yaml:2:11: error: expected an integer from -100 to 100, got 1000
            priority: 1000
                      ^~~~
          w.yaml:4:15: error: expected one of string, integer, number, boolean, list, got 'int'
              top: {type: int}
                          ^~~
          w.yaml:5:15: error: there is no parameter 'tpo'
            env: {A: '${{ params.tpo }}'}
                          ^~~~~~~~~~
            hint: did you mean 'top'?
          w.yaml:8:15: error: an expression cannot stand inside a shell script: its value could become code
                run: echo ${{ params.top }}
                          ^~~
            hint: pass it through env: {TOP: "${{ params.top }}"}, and write "$TOP" in the script
          w.yaml:9:13: error: task 'b' needs 'c', which is not a task
                needs: [c]
                        ^
            hint: the tasks are b, a
          w.yaml:11:5: error: unknown key 'runn'
                runn: x
                ^~~~
            hint: did you mean 'run'?
          w.yaml:12:14: error: expected a duration such as 30s, 5m or 2h, got '5 minutes'
                timeout: 5 minutes
                         ^~~~~~~~~

          """##)
  }

  @Test func aJSONFile() {
    #expect(
      rendered(
        ##"""
        {
          "name": "x",
          "tasks": {
            "a": {"run": ["echo", "\ud83d\ude00 ${{ params.x }}"], "need": [], "timeout": "1x"}
          }
        }

        """##)
          == ##"""
          w.yaml:4:45: error: there is no parameter 'x'
                "a": {"run": ["echo", "\ud83d\ude00 ${{ params.x }}"], "need": [], "
                                                        ^~~~~~~~
            hint: there are no parameters
          w.yaml:4:60: error: unknown key 'need'
                "a": {"run": ["echo", "\ud83d\ude00 ${{ params.x }}"], "need": [], "
                                                                       ^~~~~~
            hint: did you mean 'needs'?
          w.yaml:4:83: error: expected a duration such as 30s, 5m or 2h, got '1x'
            d\ude00 ${{ params.x }}"], "need": [], "timeout": "1x"}
                                                              ^~~~

          """##)
  }

  @Test func aJSONFileWithACommaTooMany() {
    #expect(
      rendered(
        ##"""
        {"tasks": {"a": {"run": "x"},}, "name": "Y"}

        """##)
          == ##"""
          w.yaml:1:41: error: 'Y' is not a workflow name
            {"tasks": {"a": {"run": "x"},}, "name": "Y"}
                                                    ^~~
            hint: at most 64 of a-z, 0-9, - and _, such as 'y'

          """##)
  }

  @Test func brokenSyntaxIsOneMistake() {
    #expect(
      rendered(
        ##"""
        name: x
        tasks:
          a: {run: 'true'
          b: {run: 'true'}

        """##)
          == ##"""
          w.yaml:4:3: error: expected ',' or '}' in the mapping that begins in line 3
              b: {run: 'true'}
              ^

          """##)
  }

  @Test func aKeyThatIsTwoWords() {
    #expect(
      rendered(
        ##"""
        tasks:
          a:
            run: echo a: b

        """##)
          == ##"""
          w.yaml:3:16: error: a ':' cannot stand here
                run: echo a: b
                           ^
            hint: a text that holds ': ' must be quoted

          """##)
  }

  @Test func nothingAtAll() {
    #expect(
      rendered(
        "")
          == ##"""
          w.yaml: error: the file is empty

          """##)
  }
}
