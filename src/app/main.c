/* thaw: the program. Wiring only. */
#include "config.h"

int main(void)
{
    return 0;
}
