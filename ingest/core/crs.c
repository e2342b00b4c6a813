#include "crs.h"
