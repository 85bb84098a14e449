import Testing

@testable import AstroWorkflow

/// What is said about names, variables and parameters.
@Suite struct NameDiagnostics {
  @Test func namesOfWorkflowsAndTasks() {
    #expect(
      rendered(
        ##"""
        name: Nightly Report
        tasks:
          Fetch Data: {run: 'true'}
          Ü: {run: 'true'}
          ok_1-x: {run: 'true'}
          '': {run: 'true'}

        """##)
          == ##"""
          w.yaml:1:7: error: 'Nightly Report' is not a workflow name
            name: Nightly Report
                  ^~~~~~~~~~~~~~
            hint: at most 64 of a-z, 0-9, - and _, such as 'nightly-report'
          w.yaml:3:3: error: 'Fetch Data' is not a task's name
              Fetch Data: {run: 'true'}
              ^~~~~~~~~~
            hint: at most 64 of a-z, 0-9, - and _, such as 'fetch-data'
          w.yaml:4:3: error: 'Ü' is not a task's name
              Ü: {run: 'true'}
              ^
            hint: at most 64 of a-z, 0-9, - and _
          w.yaml:6:3: error: '' is not a task's name
              '': {run: 'true'}
              ^~
            hint: at most 64 of a-z, 0-9, - and _

          """##)
  }

  @Test func aNameThatIsTooLong() {
    #expect(
      rendered(
        ##"""
        name: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:7: error: 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...' is not a workflow name
            name: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
                  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
            hint: at most 64 of a-z, 0-9, - and _, such as 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'

          """##)
  }

  @Test func namesOfUsers() {
    #expect(
      rendered(
        ##"""
        user: 'a b'
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:7: error: 'a b' is not a user's name
            user: 'a b'
                  ^~~~~
            hint: a login name: no spaces, no '/'

          """##)
  }

  @Test func anEmptyUser() {
    #expect(
      rendered(
        ##"""
        user: ''
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:7: error: '' is not a user's name
            user: ''
                  ^~
            hint: a login name: no spaces, no '/'

          """##)
  }

  @Test func emptyNames() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', agent: '', capabilities: ['', 1]}}

        """##)
          == ##"""
          w.yaml:1:33: error: the agent's name is empty
            tasks: {a: {run: 'true', agent: '', capabilities: ['', 1]}}
                                            ^~
          w.yaml:1:52: error: the capability's name is empty
            tasks: {a: {run: 'true', agent: '', capabilities: ['', 1]}}
                                                               ^~
          w.yaml:1:56: error: expected a string, got 1
            tasks: {a: {run: 'true', agent: '', capabilities: ['', 1]}}
                                                                   ^
            hint: quote it: '1'

          """##)
  }

  @Test func outputs() {
    #expect(
      rendered(
        ##"""
        tasks: {a: {run: 'true', outputs: [ok, ok, 'a b', 1st, 1]}}

        """##)
          == ##"""
          w.yaml:1:40: error: output 'ok' is listed twice
            tasks: {a: {run: 'true', outputs: [ok, ok, 'a b', 1st, 1]}}
                                                   ^~
          w.yaml:1:44: error: 'a b' is not an output's name
            tasks: {a: {run: 'true', outputs: [ok, ok, 'a b', 1st, 1]}}
                                                       ^~~~~
            hint: letters, digits, _ and -, beginning with a letter or _
          w.yaml:1:51: error: '1st' is not an output's name
            tasks: {a: {run: 'true', outputs: [ok, ok, 'a b', 1st, 1]}}
                                                              ^~~
            hint: letters, digits, _ and -, beginning with a letter or _
          w.yaml:1:56: error: expected a string, got 1
            tasks: {a: {run: 'true', outputs: [ok, ok, 'a b', 1st, 1]}}
                                                                   ^
            hint: quote it: '1'

          """##)
  }

  @Test func namesOfVariables() {
    #expect(
      rendered(
        ##"""
        env: {A-B: x, 1A: x, '': x, ASTRO_HOME: x}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:7: error: 'A-B' is not the name of an environment variable
            env: {A-B: x, 1A: x, '': x, ASTRO_HOME: x}
                  ^~~
            hint: letters, digits and _, beginning with a letter or _
          w.yaml:1:15: error: '1A' is not the name of an environment variable
            env: {A-B: x, 1A: x, '': x, ASTRO_HOME: x}
                          ^~
            hint: letters, digits and _, beginning with a letter or _
          w.yaml:1:22: error: '' is not the name of an environment variable
            env: {A-B: x, 1A: x, '': x, ASTRO_HOME: x}
                                 ^~
            hint: letters, digits and _, beginning with a letter or _
          w.yaml:1:29: error: names that begin with ASTRO_ are reserved
            env: {A-B: x, 1A: x, '': x, ASTRO_HOME: x}
                                        ^~~~~~~~~~

          """##)
  }

  @Test func valuesOfVariables() {
    #expect(
      rendered(
        ##"""
        env: {A: [x], B: {y: z}, C: ~, D: 5, E: true}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:10: error: expected a string, got a list
            env: {A: [x], B: {y: z}, C: ~, D: 5, E: true}
                     ^~~
          w.yaml:1:18: error: expected a string, got a mapping
            env: {A: [x], B: {y: z}, C: ~, D: 5, E: true}
                             ^~~~~~
          w.yaml:1:29: error: expected a string, got nothing
            env: {A: [x], B: {y: z}, C: ~, D: 5, E: true}
                                        ^

          """##)
  }

  @Test func nulCannotBePassed() {
    #expect(
      rendered(
        ##"""
        env: {A: "a\0b"}
        tasks: {a: {run: "x\0"}, b: {run: ["\0"]}}

        """##)
          == ##"""
          w.yaml:1:10: error: a text for a program cannot hold a NUL character
            env: {A: "a\0b"}
                     ^~~~~~
          w.yaml:2:18: error: a text for a program cannot hold a NUL character
            tasks: {a: {run: "x\0"}, b: {run: ["\0"]}}
                             ^~~~~
          w.yaml:2:36: error: a text for a program cannot hold a NUL character
            tasks: {a: {run: "x\0"}, b: {run: ["\0"]}}
                                               ^~~~

          """##)
  }

  @Test func parametersOfTheWrongType() {
    #expect(
      rendered(
        ##"""
        params:
          a: ~
          b: [x, [y]]
          c: {type: text}
          d: {type: integer, default: x}
          e: {required: 1, description: 2}
          f: {type: boolean, default: 'yes'}
          g: {type: list, default: x}
          h: {type: string, default: 5}
          i: {default: {x: y}}
          j: .inf
          1x: {}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:2:6: error: expected a default value, got nothing
              a: ~
                 ^
            hint: a parameter without one is '{type: string}'
          w.yaml:3:10: error: expected a string, a number, true or false, got a list
              b: [x, [y]]
                     ^~~
          w.yaml:4:13: error: expected one of string, integer, number, boolean, list, got 'text'
              c: {type: text}
                        ^~~~
          w.yaml:5:31: error: expected an integer, got 'x'
              d: {type: integer, default: x}
                                          ^
          w.yaml:6:17: error: expected true or false, got 1
              e: {required: 1, description: 2}
                            ^
          w.yaml:6:33: error: expected a string, got 2
              e: {required: 1, description: 2}
                                            ^
            hint: quote it: '2'
          w.yaml:7:31: error: expected true or false, got 'yes'
              f: {type: boolean, default: 'yes'}
                                          ^~~~~
          w.yaml:8:28: error: expected a list, got 'x'
              g: {type: list, default: x}
                                       ^
          w.yaml:9:30: error: expected a string, got 5
              h: {type: string, default: 5}
                                         ^
          w.yaml:10:16: error: expected a default value, got a mapping
              i: {default: {x: y}}
                           ^~~~~~
            hint: a parameter without one is '{type: string}'
          w.yaml:11:6: error: expected a default value, got .inf
              j: .inf
                 ^~~~
            hint: a parameter without one is '{type: string}'
          w.yaml:12:3: error: '1x' is not a parameter's name
              1x: {}
              ^~
            hint: letters, digits, _ and -, beginning with a letter or _

          """##)
  }

  @Test func aRequiredParameterHasNoDefault() {
    #expect(
      rendered(
        ##"""
        params: {p: {required: true, default: x}}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:39: error: a required parameter cannot have a default
            params: {p: {required: true, default: x}}
                                                  ^
            hint: remove one: 'required' or 'default'

          """##)
  }

  @Test func patterns() {
    #expect(
      rendered(
        ##"""
        params:
          a: {pattern: '['}
          b: {pattern: 'a(b'}
          c: {type: integer, pattern: x}
          d: {pattern: '^\d+$', default: x1}
          e: {pattern: '(?=a)'}
          f: {pattern: '(((a{99}){99}){99})'}
          g: {pattern: 5}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:2:17: error: the pattern cannot be used: '[' has no closing ']'
              a: {pattern: '['}
                            ^
          w.yaml:3:18: error: the pattern cannot be used: '(' has no closing ')'
              b: {pattern: 'a(b'}
                             ^
          w.yaml:4:31: error: a pattern is for parameters of type string, not integer
              c: {type: integer, pattern: x}
                                          ^
          w.yaml:5:34: error: the default of parameter 'd' does not match the pattern '^\d+$'
              d: {pattern: '^\d+$', default: x1}
                                             ^~
          w.yaml:6:17: error: the pattern cannot be used: '(?' can only begin '(?:': what looks ahead or back is not supported
              e: {pattern: '(?=a)'}
                            ^
          w.yaml:7:17: error: the pattern cannot be used: its repetitions are too many to write out
              f: {pattern: '(((a{99}){99}){99})'}
                            ^
          w.yaml:8:16: error: expected a string, got 5
              g: {pattern: 5}
                           ^
            hint: quote it: '5'

          """##)
  }

  @Test func expressionsWhereNoneIsRead() {
    #expect(
      rendered(
        ##"""
        labels: {day: '${{ params.day }}'}
        defaults: {shell: '${{ params.sh }}'}
        tasks:
          a: {run: 'true', agent: '${{ params.x }}', capabilities: ['${{ y }}'], timeout: '${{ params.t }}', shell: ['${{ x }}']}

        """##)
          == ##"""
          w.yaml:1:16: error: no expression can stand here
            labels: {day: '${{ params.day }}'}
                           ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list
          w.yaml:2:20: error: no expression can stand here
            defaults: {shell: '${{ params.sh }}'}
                               ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list
          w.yaml:4:28: error: no expression can stand here
              a: {run: 'true', agent: '${{ params.x }}', capabilities: ['${{ y }}'],
                                       ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list
          w.yaml:4:62: error: no expression can stand here
            'true', agent: '${{ params.x }}', capabilities: ['${{ y }}'], timeout: '
                                                              ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list
          w.yaml:4:83: error: expected a duration such as 30s, 5m or 2h, got '${{ params.t }}'
            arams.x }}', capabilities: ['${{ y }}'], timeout: '${{ params.t }}', she
                                                              ^~~~~~~~~~~~~~~~~
            hint: no expression can stand here
          w.yaml:4:111: error: no expression can stand here
            '${{ y }}'], timeout: '${{ params.t }}', shell: ['${{ x }}']}
                                                              ^~~
            hint: expressions are read in env, workdir, if, with, and where run is a list

          """##)
  }
}
