# Asks for jobs, starts and stops workers, and looks at what Sidekiq's own page would show.
require_relative 'jobs'
require 'sidekiq/api'

LONGEST = 90

def check(what, found, wanted = true)
  abort "#{what}: #{found.inspect} instead of #{wanted.inspect}" unless found == wanted
end

def until_is(what, wanted)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + LONGEST
  until (found = yield) == wanted
    check("not in time: #{what}", found, wanted) if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    sleep 0.05
  end
end

def worker
  command = ['sidekiq', '-r', './jobs.rb', '-c', '3', '-t', '1', '-q', 'critical,3', '-q', 'default']
  pid = spawn(*command, chdir: __dir__, %i[out err] => [ENV.fetch('WORKER_LOG'), 'a'])
  # A check that fails leaves nobody behind.
  at_exit do
    Process.kill('KILL', pid)
  rescue Errno::ESRCH
    nil
  end
  pid
end

def ended(pid)
  Process.kill('TERM', pid)
  Process.wait(pid)
end

redis = ->(*words) { Sidekiq.redis { |one| one.public_send(*words) } }

# Before anybody works: what waits is seen, and can be taken out again.
dropped = Add.perform_async(-1, -1)
40.times { |number| Add.perform_async(number, 1) }
Sidekiq::Client.push_bulk('class' => Add, 'args' => (40...100).map { |number| [number, 1] })
10.times { |number| Urgent.perform_async(number) }
check 'waiting', Sidekiq::Queue.new.size, 101
check 'enqueued', Sidekiq::Stats.new.enqueued, 111
check 'queues', Sidekiq::Queue.all.map(&:name).sort, %w[critical default]
check 'the newest is found first', Sidekiq::Queue.new.first.args, [99, 1]
Sidekiq::Queue.new.find_job(dropped).delete
check 'taken out', Sidekiq::Queue.new.size, 100

later = Add.perform_in(3600, 1000, 1)
Add.perform_in(1, 500, 1)
check 'scheduled', Sidekiq::ScheduledSet.new.size, 2
check 'which', Sidekiq::ScheduledSet.new.map(&:args), [[1000, 1], [500, 1]]

pid = worker
until_is('all sums', 101) { redis.(:hlen, 'sums') }
check 'sums', redis.(:hgetall, 'sums'), [*0...100, 500].to_h { |number| [number.to_s, (number + 1).to_s] }
check 'urgent ones', redis.(:lrange, 'urgent', 0, -1).map(&:to_i).sort, [*0...10]
check 'processes', Sidekiq::ProcessSet.new.size, 1
check 'what it listens to', Sidekiq::ProcessSet.new.first['queues'].uniq.sort, %w[critical default]
check 'still later', Sidekiq::ScheduledSet.new.map(&:jid), [later]
Sidekiq::ScheduledSet.new.find_job(later).reschedule(Time.now - 1)
until_is('rescheduled', '1001') { redis.(:hget, 'sums', '1000') }

# Failures, retries and those that are given up.
Stubborn.perform_async('mule')
hopeless = Hopeless.perform_async
until_is('tried three times', '3') { redis.(:get, 'tries:mule') }
until_is('given up', [hopeless]) { redis.(:lrange, 'exhausted', 0, -1) }
until_is('dead', [hopeless]) { Sidekiq::DeadSet.new.map(&:jid) }
until_is('nothing is tried again', 0) { Sidekiq::RetrySet.new.size }
until_is('failures', 4) { Sidekiq::Stats.new.failed }
check 'the dead one says why', Sidekiq::DeadSet.new.first['error_message'], 'never'
Sidekiq::DeadSet.new.clear

# A worker that is stopped gives back what it had in its hands, and another one does it.
Patient.perform_async
until_is('it runs', '1') { redis.(:get, 'patient:begun') }
until_is('its work is seen', 1) { Sidekiq::Workers.new.size }
# Quiet first: a thread that still waits in BRPOP would take the job with it into its end.
Process.kill('TSTP', pid)
until_is('it is quiet', true) { Sidekiq::ProcessSet.new.first.stopping? }
until_is('no thread waits', 0) { redis.(:client, :list).count { |one| one['cmd'] == 'brpop' && one['flags'].include?('b') } }
ended(pid)
check 'given back', Sidekiq::Queue.new.map(&:klass), ['Patient']
check 'the process is gone', Sidekiq::ProcessSet.new.size, 0
redis.(:set, 'patient:let', '1')
pid = worker
until_is('done once', '1') { redis.(:get, 'patient:done') }
Sidekiq::Queue.new.clear
until_is('processed', 0) { Sidekiq::Stats.new.enqueued }
ended(pid)
puts "sidekiq #{Sidekiq::VERSION}: jobs, bulks, schedules, retries, the dead and the interrupted right"
