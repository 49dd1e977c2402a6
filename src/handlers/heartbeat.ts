import { formatTime } from '../protocol/pushes.js'
import type { Answer, Context } from './context.js'

export async function heartbeat({ clock }: Context): Promise<Answer<'heartbeat'>> {
  return { body: { timestamp: formatTime(clock.now()) } }
}
