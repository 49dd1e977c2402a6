/** Groups of an IPv6 address that a network is given; what follows its members choose, and change, as they like. */
const NETWORK_GROUPS = 4
const GROUPS = 8

/**
 * By which a client is counted: an IPv4 address, or the network of an IPv6 one. Some proxies forward its port, too, which
 * is another for each connection.
 */
export function clientAddress(forwarded: string): string {
  const ip = /^\[([^\]]*)\](?::\d+)?$/.exec(forwarded)?.[1] ?? forwarded
  const [, v4] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(ip) ?? []
  if (v4 !== undefined || !ip.includes(':')) return v4 ?? ip
  const [head = '', tail] = ip.split('::')
  const first = groupsOf(head)
  const rest = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array.from({ length: Math.max(0, GROUPS - first.length - rest.length) }, () => '0')
  return [...first, ...zeros, ...rest].slice(0, NETWORK_GROUPS).join(':')
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':').map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
}
