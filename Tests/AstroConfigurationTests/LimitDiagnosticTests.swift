import Testing

@testable import AstroConfiguration

/// What is said about named limits, budgets and prices.
@Suite struct LimitDiagnostics {
  @Test func whatNamedLimitsMustSay() throws {
    #expect(
      try said(
        system: ##"""
          limits:
            a: {}
            b: {rate: 60}
            c: {rate: 60/0, tokens: 1.5/1m, spend_usd: five/1d}
            d: {rate: 0/1m, concurrent: 0, spend_usd: 0.0000000000001/1d, tokens: 60/1y}
            e: 60/1m
            'f g': {rate: 1/1s}
            api_calls: {rate: 1/1s}
            h: {rate: 1/1s, per: users, reservation: all, tokns: 5/1m}

          """##)
          == ##"""
          config/system_config.yaml:2:3: error: limit 'a' bounds nothing
              a: {}
              ^
            hint: write {rate: 60/1m}
          config/system_config.yaml:3:13: error: expected an amount in a time such as 60/1m, got 60
              b: {rate: 60}
                        ^~
          config/system_config.yaml:4:13: error: expected a time from 100ms to 366d, got 0
              c: {rate: 60/0, tokens: 1.5/1m, spend_usd: five/1d}
                        ^~~~
          config/system_config.yaml:4:27: error: 1.5 has decimals
              c: {rate: 60/0, tokens: 1.5/1m, spend_usd: five/1d}
                                      ^~~~~~
          config/system_config.yaml:4:46: error: expected an amount in a time such as 5/1d, got 'five/1d'
              c: {rate: 60/0, tokens: 1.5/1m, spend_usd: five/1d}
                                                         ^~~~~~~
          config/system_config.yaml:5:13: error: 0 is no amount that can be granted
              d: {rate: 0/1m, concurrent: 0, spend_usd: 0.0000000000001/1d, tokens: 
                        ^~~~
          config/system_config.yaml:5:31: error: expected an integer from 1 to 1000000, got 0
              d: {rate: 0/1m, concurrent: 0, spend_usd: 0.0000000000001/1d, tokens: 
                                          ^
          config/system_config.yaml:5:45: error: 0.0000000000001 has more than 12 decimals
              d: {rate: 0/1m, concurrent: 0, spend_usd: 0.0000000000001/1d, tokens: 
                                                        ^~~~~~~~~~~~~~~~~~
          config/system_config.yaml:5:73: error: expected an amount in a time such as 200000/1m, got '60/1y'
            urrent: 0, spend_usd: 0.0000000000001/1d, tokens: 60/1y}
                                                              ^~~~~
          config/system_config.yaml:6:6: error: expected a mapping, got '60/1m'
              e: 60/1m
                 ^~~~~
            hint: write {rate: 60/1m}
          config/system_config.yaml:7:3: error: 'f g' is not the name of a limit
              'f g': {rate: 1/1s}
              ^~~~~
            hint: at most 64 letters, digits, '_', '-' and '.'
          config/system_config.yaml:8:3: error: 'api_calls' is a limit of Astro's own
              api_calls: {rate: 1/1s}
              ^~~~~~~~~
            hint: it is set in system.rate_limits; give this one another name
          config/system_config.yaml:9:24: error: expected one of all, user, agent, workflow, got 'users'
              h: {rate: 1/1s, per: users, reservation: all, tokns: 5/1m}
                                   ^~~~~
            hint: did you mean 'user'?
          config/system_config.yaml:9:44: error: expected one of strict, expected, got 'all'
              h: {rate: 1/1s, per: users, reservation: all, tokns: 5/1m}
                                                       ^~~
          config/system_config.yaml:9:49: error: unknown key 'tokns'
              h: {rate: 1/1s, per: users, reservation: all, tokns: 5/1m}
                                                            ^~~~~
            hint: did you mean 'tokens'?

          """##)
  }

  @Test func hoursOfNamedLimits() throws {
    #expect(
      try said(
        system: ##"""
          limits:
            a: {hours: [{from: 22:00, to: 6:00, rate: 1/1s}, {from: 24:00, to: 24:00}, {to: '12:60', rate: 1/1s}]}
            b: {hours: [{from: '07:00', to: '07:00', concurrent: 1}]}
            c: {hours: {from: 22:00}}

          """##)
          == ##"""
          config/system_config.yaml:2:33: error: expected a time of day such as 22:00, got '6:00'
              a: {hours: [{from: 22:00, to: 6:00, rate: 1/1s}, {from: 24:00, to: 24:
                                            ^~~~
          config/system_config.yaml:2:52: error: these hours bound nothing
              a: {hours: [{from: 22:00, to: 6:00, rate: 1/1s}, {from: 24:00, to: 24:
                                                               ^~~~~~~~~~~~~~~~~~~~~
            hint: write what they change: rate: 600/1m
          config/system_config.yaml:2:59: error: expected a time of day such as 22:00, got '24:00'
              a: {hours: [{from: 22:00, to: 6:00, rate: 1/1s}, {from: 24:00, to: 24:
                                                                      ^~~~~
          config/system_config.yaml:2:78: error: 'from' is missing
             to: 6:00, rate: 1/1s}, {from: 24:00, to: 24:00}, {to: '12:60', rate: 1/
                                                              ^~~~~~~~~~~~~~~~~~~~~~
          config/system_config.yaml:2:83: error: expected a time of day such as 22:00, got '12:60'
            6:00, rate: 1/1s}, {from: 24:00, to: 24:00}, {to: '12:60', rate: 1/1s}]}
                                                              ^~~~~~~
          config/system_config.yaml:3:15: error: these hours end when they begin
              b: {hours: [{from: '07:00', to: '07:00', concurrent: 1}]}
                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
            hint: a whole day is from 00:00 to 24:00
          config/system_config.yaml:4:14: error: expected a list of hours, got a mapping
              c: {hours: {from: 22:00}}
                         ^~~~~~~~~~~~~

          """##)
  }

  @Test func budgets() throws {
    #expect(
      try said(
        system: ##"""
          budgets:
            a: {}
            b: 20
            c: {usd: -1, tokens: 0, calls: many}
            d: {usd: 1e-13}
            e: {usd: 1, per: agent, period: week, timezone: CET, on_exceeded: fail}
            'f g': {usd: '5'}

          """##)
          == ##"""
          config/system_config.yaml:2:6: error: the budget bounds nothing
              a: {}
                 ^~
            hint: write {usd: 1.50}
          config/system_config.yaml:3:6: error: expected a mapping, got 20
              b: 20
                 ^~
            hint: write {usd: 20}
          config/system_config.yaml:4:12: error: expected a number from 0 to 9000000, got -1
              c: {usd: -1, tokens: 0, calls: many}
                       ^~
          config/system_config.yaml:4:24: error: expected an integer from 1 to 1000000000000000, got 0
              c: {usd: -1, tokens: 0, calls: many}
                                   ^
          config/system_config.yaml:4:34: error: expected an integer from 1 to 1000000000000, got 'many'
              c: {usd: -1, tokens: 0, calls: many}
                                             ^~~~
          config/system_config.yaml:5:12: error: 1e-13 has more than 12 decimals
              d: {usd: 1e-13}
                       ^~~~~
            hint: money is counted in picodollars, 1e-12 USD
          config/system_config.yaml:6:20: error: expected one of all, user, got 'agent'
              e: {usd: 1, per: agent, period: week, timezone: CET, on_exceeded: fail
                               ^~~~~
          config/system_config.yaml:6:35: error: expected one of day, got 'week'
              e: {usd: 1, per: agent, period: week, timezone: CET, on_exceeded: fail
                                              ^~~~
          config/system_config.yaml:6:51: error: expected one of UTC, local, got 'CET'
              e: {usd: 1, per: agent, period: week, timezone: CET, on_exceeded: fail
                                                              ^~~
          config/system_config.yaml:6:69: error: expected one of park, hold, got 'fail'
             agent, period: week, timezone: CET, on_exceeded: fail}
                                                              ^~~~
          config/system_config.yaml:7:3: error: 'f g' is not the name of a budget
              'f g': {usd: '5'}
              ^~~~~
            hint: at most 64 letters, digits, '_', '-' and '.'
          config/system_config.yaml:7:16: error: expected a number from 0 to 9000000, got '5'
              'f g': {usd: '5'}
                           ^~~
            hint: write it without quotes

          """##)
  }

  @Test func limitsAndBudgetsAreMappings() throws {
    #expect(
      try said(
        system: ##"""
          limits: [openai]
          budgets: 5

          """##)
          == ##"""
          config/system_config.yaml:1:9: error: expected a mapping, got a list
            limits: [openai]
                    ^~~~~~~~
            hint: write {openai: {rate: 60/1m}}
          config/system_config.yaml:2:10: error: expected a mapping, got 5
            budgets: 5
                     ^
            hint: write {daily: {usd: 20}}

          """##)
  }

  @Test func aModelsFileThatIsWrong() throws {
    #expect(
      try said(
        models: ##"""
          models:
            - {model: gpt-4o-mini, input: cheap, output: -1, cache_red: 1}
            - {input: 1}
            - gpt-4o
            - {model: 'a*b', input: 1, output: 1}
            - {model: b, input: 1, output: 1}
            - {model: b, input: 0.0000001, output: 1e30}
            - {model: c, input: '1', output: 1, above: [{tokens: 0}, {input: 1, output: 1}, 5, {tokens: 9, input: 1, output: 1}, {tokens: 9, input: 1, output: 1}]}

          """##)
          == ##"""
          config/models.yaml:2:33: error: expected a number from 0 to 1000000, got 'cheap'
              - {model: gpt-4o-mini, input: cheap, output: -1, cache_red: 1}
                                            ^~~~~
          config/models.yaml:2:48: error: expected a number from 0 to 1000000, got -1
              - {model: gpt-4o-mini, input: cheap, output: -1, cache_red: 1}
                                                           ^~
          config/models.yaml:2:52: error: unknown key 'cache_red'
              - {model: gpt-4o-mini, input: cheap, output: -1, cache_red: 1}
                                                               ^~~~~~~~~
            hint: did you mean 'cache_read'?
          config/models.yaml:3:5: error: 'model' is missing
              - {input: 1}
                ^~~~~~~~~~
          config/models.yaml:3:5: error: 'output' is missing
              - {input: 1}
                ^~~~~~~~~~
          config/models.yaml:4:5: error: expected a mapping, got 'gpt-4o'
              - gpt-4o
                ^~~~~~
            hint: write {model: name, input: 0.15, output: 0.60}
          config/models.yaml:5:13: error: 'a*b' is not a model's name
              - {model: 'a*b', input: 1, output: 1}
                        ^~~~~
            hint: a '*' may stand at the end
          config/models.yaml:7:13: error: model 'b' has a price in line 6 already
              - {model: b, input: 0.0000001, output: 1e30}
                        ^
          config/models.yaml:7:23: error: 0.0000001 has more than 6 decimals
              - {model: b, input: 0.0000001, output: 1e30}
                                  ^~~~~~~~~
            hint: the price of one token is counted in picodollars, 1e-12 USD
          config/models.yaml:7:42: error: expected a number from 0 to 1000000, got 1e30
              - {model: b, input: 0.0000001, output: 1e30}
                                                     ^~~~
          config/models.yaml:8:23: error: expected a number from 0 to 1000000, got '1'
              - {model: c, input: '1', output: 1, above: [{tokens: 0}, {input: 1, ou
                                  ^~~
            hint: write it without quotes
          config/models.yaml:8:56: error: expected an integer from 1 to 1000000000, got 0
              - {model: c, input: '1', output: 1, above: [{tokens: 0}, {input: 1, ou
                                                                   ^
          config/models.yaml:8:60: error: 'tokens' is missing
              - {model: c, input: '1', output: 1, above: [{tokens: 0}, {input: 1, ou
                                                                       ^~~~~~~~~~~~~
          config/models.yaml:8:83: error: expected a mapping, got 5
            t: 1, above: [{tokens: 0}, {input: 1, output: 1}, 5, {tokens: 9, input: 
                                                              ^
            hint: write {tokens: 200000, input: 6, output: 22.5}
          config/models.yaml:8:129: error: prompts above 9 tokens have a price already
            1}, 5, {tokens: 9, input: 1, output: 1}, {tokens: 9, input: 1, output: 1
                                                              ^

          """##)
  }
}
