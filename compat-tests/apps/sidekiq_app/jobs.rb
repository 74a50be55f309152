# Jobs of Sidekiq: what they do is counted in Redis itself.
require 'sidekiq'

# What Redis answers to SADD is a number in every version of the client.
Redis.sadd_returns_boolean = false if Redis.respond_to?(:sadd_returns_boolean=)

Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch('QUEUE_URL') } }
Sidekiq.configure_server do |config|
  config.redis = { url: ENV.fetch('QUEUE_URL') }
  config.average_scheduled_poll_interval = 1
end

class Add
  include Sidekiq::Worker

  def perform(left, right)
    Sidekiq.redis { |redis| redis.hincrby('sums', left, left + right) }
  end
end

class Urgent
  include Sidekiq::Worker
  sidekiq_options queue: 'critical'

  def perform(number)
    Sidekiq.redis { |redis| redis.rpush('urgent', number) }
  end
end

# Fails twice, and then does what it should.
class Stubborn
  include Sidekiq::Worker
  sidekiq_options retry: 5
  sidekiq_retry_in { 1 }

  def perform(name)
    tries = Sidekiq.redis { |redis| redis.incr("tries:#{name}") }
    raise 'not yet' if tries < 3
  end
end

class Hopeless
  include Sidekiq::Worker
  sidekiq_options retry: 1
  sidekiq_retry_in { 1 }
  sidekiq_retries_exhausted { |job, _| Sidekiq.redis { |redis| redis.rpush('exhausted', job['jid']) } }

  def perform
    raise 'never'
  end
end

# Goes on until somebody lets it end; a worker that is stopped gives it back.
class Patient
  include Sidekiq::Worker

  def perform
    Sidekiq.redis { |redis| redis.incr('patient:begun') }
    sleep 0.05 until Sidekiq.redis { |redis| redis.get('patient:let') }
    Sidekiq.redis { |redis| redis.incr('patient:done') }
  end
end
