import type { Environment } from './env.ts'
import { type Parsed, parsed } from './parsed.ts'
import type { Setting } from './settings.ts'
import { settingText } from './settingText.ts'

/** What the environment says of a setting, its fallback where that is nothing. Problems begin with its name. */
export function readSetting<T>(environment: Environment, setting: Setting<T>): Parsed<T> {
  const text = settingText(environment[setting.name])
  const value = !text.ok ? text : text.value === null ? parsed(setting.fallback) : setting.parse(text.value)
  return value.ok ? value : { ok: false, problem: `${setting.name} ${value.problem}` }
}
