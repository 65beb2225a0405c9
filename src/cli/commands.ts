/** All commands, in the order of the help. */
import type { Command } from './command/command.ts'
import { checkCommand } from './command/check.ts'
import { configShowCommand } from './command/config.ts'
import { devCommand } from './command/dev.ts'
import { drainCommand } from './command/drain.ts'
import { exportCommand } from './command/export.ts'
import { feedInspectCommand, feedServeCommand } from './command/feed/feed.ts'
import { feedCopyCommand, feedVerifyCommand } from './command/feed/feed-tools.ts'
import { feedShowCommand } from './command/feed/feed-show.ts'
import { feedTrimCommand } from './command/feed/feed-trim.ts'
import { gatewayCommand } from './command/gateway.ts'
import { importCommand } from './command/import.ts'
import { maintainCommand } from './command/maintain.ts'
import { masterCommand } from './command/master.ts'
import { replicaCommand } from './command/replica.ts'
import { statusCommand } from './command/status.ts'

const others: readonly Command[] = [
  devCommand,
  masterCommand,
  replicaCommand,
  gatewayCommand,
  feedServeCommand,
  feedShowCommand,
  feedInspectCommand,
  feedTrimCommand,
  feedVerifyCommand,
  feedCopyCommand,
  statusCommand,
  drainCommand,
  maintainCommand,
  importCommand,
  exportCommand,
  checkCommand,
]

export const commands: readonly Command[] = [...others, configShowCommand(others)]
