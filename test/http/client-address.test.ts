import t from 'tap'
import { clientAddress } from '../../src/http/client-address.js'

t.test('the port that some proxies forward does not count', async (t) => {
  const table: Record<string, string> = {
    '192.0.2.1:40001': '192.0.2.1',
    '::ffff:192.0.2.1:40001': '192.0.2.1',
    '[::ffff:192.0.2.1]:40001': '192.0.2.1',
    '[2001:db8:1:2::9]:40001': '2001:db8:1:2',
    '[2001:db8:1:2::9]': '2001:db8:1:2'
  }
  for (const [ip, counted] of Object.entries(table)) t.equal(clientAddress(ip), counted, ip)
})

t.test('an IPv4 address counts as it is, however it is written, an IPv6 one by its network', async (t) => {
  const table: Record<string, string> = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '::FFFF:192.0.2.1': '192.0.2.1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
    '2001:DB8:1:2::9': '2001:db8:1:2',
    '2001:0db8:0001:0002::': '2001:db8:1:2',
    '2001:db8::1': '2001:db8:0:0',
    '2001::3:4:5:6:7:8': '2001:0:3:4',
    '::2:3:4:5:6:7:8': '0:2:3:4',
    '::1': '0:0:0:0'
  }
  for (const [ip, counted] of Object.entries(table)) t.equal(clientAddress(ip), counted, ip)
})
