// One function a command: its row for the table (cli/command.h). The work is in the file of its name.
#pragma once

#include "cli/command.h"

namespace gaze::cli {

Command match_command();
Command tag_command();
Command ask_command();
Command chat_command();
Command generate_command();
Command embed_command();
Command tokenize_command();
Command preprocess_command();
Command index_command();
Command search_command();
Command caption_command();
Command library_command();
Command pull_command();
Command models_command();
Command doctor_command();
Command bench_command();
Command config_command();
Command completion_command();
Command help_command();

}  // namespace gaze::cli
