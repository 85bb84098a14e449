// events FILE: libyaml's bare events of FILE, counted and thrown away.
#include <stdio.h>
#include <yaml.h>

int main(int count, char **arguments) {
  FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
  if (!file) return fprintf(stderr, "usage: events FILE\n"), 64;
  yaml_parser_t parser;
  yaml_event_t event;
  yaml_parser_initialize(&parser);
  yaml_parser_set_input_file(&parser, file);
  long events = 0;
  for (int done = 0; !done; events++) {
    if (!yaml_parser_parse(&parser, &event)) return fprintf(stderr, "events: %s\n", parser.problem), 65;
    done = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  printf("%ld events\n", events);
  return 0;
}
