/* The subcommands. Each takes its own argv (argv[0] is its name), prints its error in one line on stderr,
 * and returns the exit code: enum sq_status. */
#ifndef SQ_TOOLS_H
#define SQ_TOOLS_H

int sq_tool_export(int argc, char **argv);
int sq_tool_fetch(int argc, char **argv);
int sq_tool_forecast(int argc, char **argv);
int sq_tool_info(int argc, char **argv);
int sq_tool_ingest(int argc, char **argv);
int sq_tool_serve(int argc, char **argv);
int sq_tool_synth(int argc, char **argv);
int sq_tool_train(int argc, char **argv);
int sq_tool_verify(int argc, char **argv);

#endif
