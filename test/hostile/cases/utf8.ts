import {
  byFrame,
  chop,
  ECHO,
  EMPTY_TEXT,
  echoWith,
  fragments,
  type HostileCase,
  INVALID_JSON,
  NOT_UTF8,
  text
} from '../case.js'

const hex = (bytes: string) => Buffer.from(bytes.replaceAll(' ', ''), 'hex')

const greek = Buffer.from('κόσμε')
const mixed = Buffer.from('Grüße, 聊天 – 👋🏽')
/** Letters around an encoded surrogate. */
const broken = Buffer.concat([greek, hex('eda080'), Buffer.from('edited')])

/** One sequence a case, within the string of a message. Named by where it lies in Unicode. */
function sequences(group: string, answers: HostileCase['answers'], list: readonly string[]): HostileCase[] {
  return list.map((bytes, index) => ({
    number: `${group}.${index + 1}`,
    title: `the bytes ${bytes}`,
    sends: [text(echoWith(hex(bytes)))],
    answers
  }))
}

/** Cut off in the middle of letters every second time. */
const greekPrefixes = Array.from({ length: greek.length }, (_, index): HostileCase => {
  const cut = greek.subarray(0, index + 1)
  const whole = Buffer.from(cut.toString()).equals(cut)
  return {
    number: `6.6.${index + 1}`,
    title: `the first ${cut.length} bytes of a Greek word`,
    sends: [text(echoWith(cut))],
    answers: whole ? ECHO : NOT_UTF8
  }
})

const planes = Array.from({ length: 17 }, (_, plane) => plane)
const nonCharacters = planes.flatMap((plane) =>
  [0xfffe, 0xffff].map((last) => Buffer.from(String.fromCodePoint(plane * 0x10000 + last)).toString('hex'))
)

const inThree = (middle: string) => fragments([Buffer.from('{"pad":"'), hex(middle), Buffer.from('"}')])

/** Group 6: valid where it says `ECHO`. */
export const utf8Cases: readonly HostileCase[] = [
  { number: '6.1.1', title: 'an empty text', sends: [text('')], answers: EMPTY_TEXT },
  { number: '6.1.2', title: 'three empty fragments', sends: fragments(['', '', '']), answers: EMPTY_TEXT },
  {
    number: '6.1.3',
    title: 'a text between two empty fragments',
    sends: fragments(['', echoWith(greek), '']),
    answers: ECHO
  },
  { number: '6.2.1', title: 'letters of many kinds', sends: [text(echoWith(mixed))], answers: ECHO },
  {
    number: '6.2.2',
    title: 'letters of many kinds in two fragments',
    sends: fragments([echoWith(mixed).subarray(0, 42), echoWith(mixed).subarray(42)]),
    answers: ECHO
  },
  {
    number: '6.2.3',
    title: 'letters of many kinds, a fragment each byte',
    sends: byFrame(fragments(chop(echoWith(mixed), 1))),
    answers: ECHO
  },
  {
    number: '6.2.4',
    title: 'Greek letters, a fragment each byte',
    sends: byFrame(fragments(chop(echoWith(greek), 1))),
    answers: ECHO
  },
  { number: '6.3.1', title: 'a surrogate among letters', sends: [text(echoWith(broken))], answers: NOT_UTF8 },
  {
    number: '6.3.2',
    title: 'a surrogate among letters, a fragment each byte',
    sends: byFrame(fragments(chop(echoWith(broken), 1))),
    answers: NOT_UTF8
  },
  { number: '6.4.1', title: 'beyond Unicode in the second fragment', sends: inThree('f4908080'), answers: NOT_UTF8 },
  { number: '6.4.2', title: 'a bad byte in the second fragment', sends: inThree('f490'), answers: NOT_UTF8 },
  {
    number: '6.4.3',
    title: 'beyond Unicode in one frame, chopped',
    sends: chop(text(echoWith(Buffer.concat([greek, hex('f4908080'), greek]))), 12),
    answers: NOT_UTF8
  },
  {
    number: '6.4.4',
    title: 'a bad byte in one frame, byte by byte',
    sends: chop(text(echoWith(Buffer.concat([greek, hex('f490'), greek]))), 1),
    answers: NOT_UTF8
  },
  ...sequences('6.5', ECHO, ['c3b1', 'e282a1', 'f0908cbc', 'c2a9', '7e']),
  ...greekPrefixes,
  { number: '6.7.1', title: 'the bytes 00', sends: [text(echoWith(hex('00')))], answers: INVALID_JSON },
  ...sequences('6.7', ECHO, ['c280', 'e0a080', 'f0908080']).map((one, index) => ({
    ...one,
    number: `6.7.${index + 2}`
  })),
  ...sequences('6.8', NOT_UTF8, ['f888808080', 'fc8480808080']),
  ...sequences('6.9', ECHO, ['7f', 'dfbf', 'efbfbf', 'f48fbfbf']),
  ...sequences('6.10', NOT_UTF8, ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf']),
  ...sequences('6.11', ECHO, ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf']),
  ...sequences('6.11', NOT_UTF8, ['f4908080']).map((one) => ({ ...one, number: '6.11.5' })),
  ...sequences('6.12', NOT_UTF8, ['80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', '81be']),
  ...sequences('6.13', NOT_UTF8, ['c020df20', 'e020ef20', 'f020f720', 'f820fb20', 'fc20fd20']),
  ...sequences('6.14', NOT_UTF8, [
    'c0',
    'e080',
    'f08080',
    'f8808080',
    'fc80808080',
    'df',
    'efbf',
    'f7bfbf',
    'fbbfbfbf',
    'fdbfbfbfbf'
  ]),
  ...sequences('6.15', NOT_UTF8, ['c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf']),
  ...sequences('6.16', NOT_UTF8, ['fe', 'ff', 'fefeffff']),
  ...sequences('6.17', NOT_UTF8, ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af']),
  ...sequences('6.18', NOT_UTF8, ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf']),
  ...sequences('6.19', NOT_UTF8, ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080']),
  ...sequences('6.20', NOT_UTF8, ['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf']),
  ...sequences('6.21', NOT_UTF8, [
    'eda080edb080',
    'eda080edbfbf',
    'edadbfedb080',
    'edadbfedbfbf',
    'edae80edb080',
    'edae80edbfbf',
    'edafbfedb080',
    'edafbfedbfbf'
  ]),
  ...sequences('6.22', ECHO, nonCharacters),
  ...sequences('6.23', ECHO, ['efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf'])
]
