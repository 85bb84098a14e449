import Testing

@testable import AstroWorkflow

/// What is said about expressions that read what is not there.
@Suite struct ReadDiagnostics {
  @Test func anUnknownParameterNamesTheNearest() {
    #expect(
      rendered(
        ##"""
        params: {top: 1, date: x}
        tasks: {a: {run: [echo, '${{ params.tpo }}', '${{ params.zzz }}']}}

        """##)
          == ##"""
          w.yaml:2:30: error: there is no parameter 'tpo'
            tasks: {a: {run: [echo, '${{ params.tpo }}', '${{ params.zzz }}']}}
                                         ^~~~~~~~~~
            hint: did you mean 'top'?
          w.yaml:2:51: error: there is no parameter 'zzz'
            tasks: {a: {run: [echo, '${{ params.tpo }}', '${{ params.zzz }}']}}
                                                              ^~~~~~~~~~
            hint: the parameters are date, top

          """##)
  }

  @Test func anUnknownVariable() {
    #expect(
      rendered(
        ##"""
        env: {LANG: C}
        tasks:
          a:
            run: [echo, '${{ env.LNAG }}', '${{ env.ZZZ }}']

        """##)
          == ##"""
          w.yaml:4:22: error: there is no variable 'LNAG'
                run: [echo, '${{ env.LNAG }}', '${{ env.ZZZ }}']
                                 ^~~~~~~~
            hint: did you mean 'LANG'?
          w.yaml:4:41: error: there is no variable 'ZZZ'
                run: [echo, '${{ env.LNAG }}', '${{ env.ZZZ }}']
                                                    ^~~~~~~
            hint: the variables are LANG

          """##)
  }

  @Test func theWorkflowsEnvReadsNoEnv() {
    #expect(
      rendered(
        ##"""
        env: {A: x, B: '${{ env.A }}'}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:21: error: 'env' cannot be read in the workflow's own env
            env: {A: x, B: '${{ env.A }}'}
                                ^~~~~
            hint: params and run can be read here

          """##)
  }

  @Test func aTasksEnvReadsNotItself() {
    #expect(
      rendered(
        ##"""
        env: {A: x}
        tasks:
          a:
            run: 'true'
            env: {B: y, C: '${{ env.B }}', D: '${{ env.A }}'}

        """##)
          == ##"""
          w.yaml:5:25: error: there is no variable 'B' in the workflow's env
                env: {B: y, C: '${{ env.B }}', D: '${{ env.A }}'}
                                    ^~~~~
            hint: an env sees the env at the top of the file, not itself

          """##)
  }

  @Test func theWorkflowsEnvReadsNoTask() {
    #expect(
      rendered(
        ##"""
        env: {A: '${{ tasks.a.stdout }}'}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:15: error: 'tasks' can only be read inside a task
            env: {A: '${{ tasks.a.stdout }}'}
                          ^~~~~~~~~~~~~~
            hint: put it in the env of the task that uses it

          """##)
  }

  @Test func defaultsReadNoTask() {
    #expect(
      rendered(
        ##"""
        defaults: {env: {A: '${{ tasks.a.stdout }}'}, workdir: '${{ tasks.a.stdout }}'}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:1:26: error: 'tasks' can only be read inside a task
            defaults: {env: {A: '${{ tasks.a.stdout }}'}, workdir: '${{ tasks.a.stdo
                                     ^~~~~~~~~~~~~~
            hint: put it in the env of the task that uses it
          w.yaml:1:61: error: 'tasks' can only be read inside a task
            defaults: {env: {A: '${{ tasks.a.stdout }}'}, workdir: '${{ tasks.a.stdo
                                                                        ^~~~~~~~~~~~
            hint: put it in the env of the task that uses it

          """##)
  }

  @Test func defaultsSeeTheEnvAbove() {
    #expect(
      rendered(
        ##"""
        env: {A: x}
        defaults: {env: {B: '${{ env.A }}', C: '${{ env.B }}'}, workdir: '${{ env.B }}/${{ env.Z }}'}
        tasks: {a: {run: 'true'}}

        """##)
          == ##"""
          w.yaml:2:45: error: there is no variable 'B' in the workflow's env
            defaults: {env: {B: '${{ env.A }}', C: '${{ env.B }}'}, workdir: '${{ en
                                                        ^~~~~
            hint: an env sees the env at the top of the file, not itself
          w.yaml:2:84: error: there is no variable 'Z'
            ', C: '${{ env.B }}'}, workdir: '${{ env.B }}/${{ env.Z }}'}
                                                              ^~~~~
            hint: the variables are A, B, C

          """##)
  }

  @Test func whatARunDoesNotHave() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ run.nmae }} ${{ run.zzz }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: there is no 'run.nmae'
            tasks: {a: {run: [echo, "${{ run.nmae }} ${{ run.zzz }}"]}}
                                         ^~~~~~~~
            hint: did you mean 'name'?
          w.yaml:2:46: error: there is no 'run.zzz'
            tasks: {a: {run: [echo, "${{ run.nmae }} ${{ run.zzz }}"]}}
                                                         ^~~~~~~
            hint: run has id, name, user and dir

          """##)
  }

  @Test func aStatusFunctionOutsideOfAnIf() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks: {a: {run: [echo, "${{ success() }}"]}}

        """##)
          == ##"""
          w.yaml:2:30: error: success() can only be asked in 'if'
            tasks: {a: {run: [echo, "${{ success() }}"]}}
                                         ^~~~~~~

          """##)
  }

  @Test func anythingAfterAnIf() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', if: '${{ true }} && false'}

        """##)
          == ##"""
          w.yaml:2:37: error: nothing may follow the '}}' of an 'if'
              a: {run: 'true', if: '${{ true }} && false'}
                                                ^
            hint: put the whole condition between '${{' and '}}', or leave both out

          """##)
  }

  @Test func anEmptyIf() {
    #expect(
      rendered(
        ##"""
        tasks:
          a: {run: 'true', if: ''}

        """##)
          == ##"""
          w.yaml:2:25: error: the expression is empty
              a: {run: 'true', if: ''}
                                    ^

          """##)
  }

  @Test func inFoldedAndEscapedTexts() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks:
          a:
            run: [echo]
            env:
              A: >-
                one
                ${{ params.tpo }}
              B: "\u00e4 ${{ params.tpo }}"
              C: 'it''s ${{ params.tpo }}'
              D: ä ${{ params.tpo }}

        """##)
          == ##"""
          w.yaml:8:13: error: there is no parameter 'tpo'
                    ${{ params.tpo }}
                        ^~~~~~~~~~
            hint: did you mean 'top'?
          w.yaml:9:22: error: there is no parameter 'tpo'
                  B: "\u00e4 ${{ params.tpo }}"
                                 ^~~~~~~~~~
            hint: did you mean 'top'?
          w.yaml:10:21: error: there is no parameter 'tpo'
                  C: 'it''s ${{ params.tpo }}'
                                ^~~~~~~~~~
            hint: did you mean 'top'?
          w.yaml:11:16: error: there is no parameter 'tpo'
                  D: ä ${{ params.tpo }}
                           ^~~~~~~~~~
            hint: did you mean 'top'?

          """##)
  }

  @Test func inAnAliasAreSaidOnce() {
    #expect(
      rendered(
        ##"""
        params: {top: 1}
        tasks:
          a: {run: [echo], env: &e {A: '${{ params.tpo }}'}}
          b: {run: [echo], env: *e}

        """##)
          == ##"""
          w.yaml:3:37: error: there is no parameter 'tpo'
              a: {run: [echo], env: &e {A: '${{ params.tpo }}'}}
                                                ^~~~~~~~~~
            hint: did you mean 'top'?

          """##)
  }
}
