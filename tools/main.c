#include <stdio.h>

int main(void)
{
    puts("squall " SQ_VERSION);
    return 0;
}
