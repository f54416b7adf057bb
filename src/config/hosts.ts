import { isIP, isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Parsed, parsed, unparsable } from './parsed.ts'

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/

/** A host name, or an IP address with or without brackets; lower case without brackets. */
export function parseHost(text: string): Parsed<string> {
  const host = text.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return isIP(host) !== 0 || (hostName.test(host) && !/^[\d.]+$/.test(host))
    ? parsed(host)
    : unparsable('takes a host name or an IP address, without http:// and without a port.')
}

/** Comma-separated hosts, as they stand in a Host header: IPv6 in brackets, no port. */
export function parseHostList(text: string): Parsed<readonly string[]> {
  return parseEach(text, (entry) => {
    const host = parseHost(entry)
    return host.ok ? parsed(inHeader(host.value)) : host
  })
}

/** Comma-separated origins, as browsers write them: `https://example.org`, `http://localhost:3000`. */
export function parseOriginList(text: string): Parsed<readonly string[]> {
  return parseEach(text, (entry) => {
    const url = URL.canParse(entry) ? new URL(entry) : null
    return url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href
      ? parsed(url.origin)
      : unparsable('takes origins like https://example.org or http://localhost:3000, separated by commas.')
  })
}

/** The host as it stands in a URL or a Host header. */
export function inHeader(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}

/** Whether the host, without brackets, can only mean this machine. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '::1' ||
    (isIPv4(host) && host.startsWith('127.'))
  )
}

/**
 * The addresses a server on this host listens on. `localhost` means both loopback addresses, as far as the
 * machine has them: clients try either first, and a server on only one of them looks dead to half of them.
 */
export function bindAddresses(host: string): readonly string[] {
  if (host !== 'localhost') return [host]
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  )
  return hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']
}

function parseEach(text: string, parse: (entry: string) => Parsed<string>): Parsed<readonly string[]> {
  const values: string[] = []
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue
    const value = parse(entry)
    if (!value.ok) return value
    values.push(value.value)
  }
  return parsed(values)
}
