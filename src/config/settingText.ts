/**
 * The text of a setting, or null when that is empty or a placeholder. Comments after the value are cut off:
 * Node does so in `.env`, but `docker --env-file` and systemd hand them on.
 */
export function settingText(raw: string | undefined): string | null {
  const text = (raw ?? '').replace(/(^|\s)#.*$/s, '').trim()
  const isPlaceholder = text
    .split(',')
    .every((part) => part.trim() === '' || /\.\.\.|^your_private_key/i.test(part.trim()))
  return isPlaceholder ? null : text
}
