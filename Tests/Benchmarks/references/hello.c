// The least a program can do; linked statically.
#include <stdio.h>

int main(void) { return puts("hello") < 0; }
